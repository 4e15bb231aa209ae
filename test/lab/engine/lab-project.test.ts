import { mkdir, mkdtempDisposable, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { copyProject } from "../../../lab/engine/lab-project.ts";
import { readProject, readStackFile } from "../../../lab/engine/project.ts";

async function project(yaml: string, stackFile = "") {
  const folder = await mkdtempDisposable(join(tmpdir(), "lab-project-"));
  const projectFolder = join(folder.path, "project");
  await mkdir(join(projectFolder, "infra"), { recursive: true });
  await writeFile(join(projectFolder, "Pulumi.yaml"), yaml);
  await writeFile(join(projectFolder, "infra", "index.ts"), "");
  const source = join(projectFolder, "Pulumi.dev.yaml");
  if (stackFile !== "") await writeFile(source, stackFile);
  const copy = () => copyProject({ projectFolder, folder: join(folder.path, "lab"), stack: "dev" });
  return {
    folder,
    projectFolder,
    source,
    copied: async (): Promise<unknown> => parse(await readFile(copy(), "utf8")),
    copy,
  };
}

describe("a project", () => {
  it("gives the defaults and values of its settings, by full name", async () => {
    const { folder, projectFolder } = await project(`
name: web
main: infra/index.ts
config:
  azure-native:location: { value: westeurope }
  size: { type: integer, default: 3 }
  list: { type: array, default: [1, 2] }
  note: { type: string }
  direct: text
`);
    await using _ = folder;
    const read = readProject(projectFolder);
    expect(read).toMatchObject({
      name: "web",
      program: join(projectFolder, "infra", "index.ts"),
      programFolder: join(projectFolder, "infra"),
      defaults: {
        "azure-native:location": "westeurope",
        "web:size": "3",
        "web:list": "[1,2]",
        "web:direct": "text",
      },
      mandatory: ["web:note"],
    });
  });

  it("says what is missing", async () => {
    const { folder, projectFolder } = await project("name: web\nmain: none\n");
    await using _ = folder;
    expect(() => readProject(projectFolder)).toThrow("holds no program");
    expect(() => readProject(join(projectFolder, "infra"))).toThrow("is no Pulumi project");
  });

  it("cannot be read where its settings are encrypted", async () => {
    const { folder, source } = await project(
      "name: web\n",
      "config:\n  web:key: { secure: v1:abc }\n",
    );
    await using _ = folder;
    expect(() => readStackFile(source, "web")).toThrow("web:key is encrypted");
  });
});

describe("the lab's copy of a stack file", () => {
  it("has the settings of the source, without what only its owner can read", async () => {
    const { folder, copied } = await project(
      "name: web\n",
      "encryptionsalt: v1:mine\nconfig:\n  web:size: 3\n  web:key: { secure: v1:abc }\n",
    );
    await using _ = folder;
    expect(await copied()).toEqual({ config: { "web:size": 3 } });
  });

  it("keeps what was set on it, and follows the source in all else", async () => {
    const { folder, source, copied, copy } = await project(
      "name: web\n",
      "config:\n  web:size: 3\n  web:gone: 1\n",
    );
    await using _ = folder;
    await writeFile(
      copy(),
      "encryptionsalt: v1:lab\nconfig:\n  web:size: 3\n  web:gone: 1\n  web:mine: { secure: v1:xyz }\n",
    );
    await writeFile(source, "config:\n  web:size: 4\n");
    expect(await copied()).toEqual({
      encryptionsalt: "v1:lab",
      config: { "web:mine": { secure: "v1:xyz" }, "web:size": 4 },
    });
  });

  it("keeps what was set on it in place of the source's, until that changes", async () => {
    const { folder, source, copied, copy } = await project(
      "name: web\n",
      "config:\n  web:accounts: [{ name: ada }]\n  web:key: clear\n",
    );
    await using _ = folder;
    const own = {
      "web:accounts": [{ name: "ada" }, { name: "ben" }],
      "web:key": { secure: "v1:xyz" },
    };
    await writeFile(copy(), JSON.stringify({ config: own }));
    expect(await copied()).toEqual({ config: own });
    expect(await copied()).toEqual({ config: own });
    await writeFile(source, "config:\n  web:accounts: [{ name: eve }]\n  web:key: clear\n");
    expect(await copied()).toEqual({ config: { ...own, "web:accounts": [{ name: "eve" }] } });
  });

  it("is empty where the project has none", async () => {
    const { folder, copied } = await project("name: web\n");
    await using _ = folder;
    expect(await copied()).toEqual({ config: {} });
  });
});
