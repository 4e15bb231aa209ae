import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { VirtualDirectory } from "../../../server/contract/access.ts";
import type { Home } from "../../../server/access/isolation.ts";
import { planPathMapping } from "../../../server/access/path-mapping.ts";

const directory = (path: string, folder: string, hidden = false): VirtualDirectory => ({
  path,
  folder,
  hidden,
});
const openSite: Home = {
  root: "/",
  confined: false,
  start: "/",
  whenMissing: "create",
  globalVirtualDirectories: true,
};
const isolated = (globalVirtualDirectories: boolean): Home => ({
  ...openSite,
  root: "/LocalUser/ann",
  confined: true,
  globalVirtualDirectories,
});
const DIRECTORIES = [
  directory("/pub", "shared/public"),
  directory("/pub/old", "archive", true),
  directory("/LocalUser/ann/drop", "drops/ann"),
  directory("/LocalUser/bob/drop", "drops/bob"),
];

describe("path mapping", () => {
  it("shows the whole site with its virtual directories to whoever is not confined", () => {
    const mapping = planPathMapping("site", DIRECTORIES, openSite);
    expect(mapping.map("/a/b")).toEqual({
      sitePath: "/a/b",
      folder: "site",
      storagePath: "/a/b",
      confinement: "/",
      isMountPoint: false,
    });
    expect(mapping.map("/pub")).toEqual({
      sitePath: "/pub",
      folder: "shared/public",
      storagePath: "/",
      confinement: "/",
      isMountPoint: true,
    });
    expect(mapping.map("/pub/old/x").folder).toBe("archive");
    expect(mapping.map("/pub/older").storagePath).toBe("/older");
    expect(mapping.map("/public").folder).toBe("site");
    expect(mapping.map("/LocalUser/bob/drop/x").folder).toBe("drops/bob");
  });

  it("shows an isolated account only the virtual directories below its home", () => {
    const mapping = planPathMapping("site", DIRECTORIES, isolated(false));
    expect(mapping.map("/pub")).toEqual({
      sitePath: "/LocalUser/ann/pub",
      folder: "site",
      storagePath: "/LocalUser/ann/pub",
      confinement: "/LocalUser/ann",
      isMountPoint: false,
    });
    expect(mapping.map("/drop/x")).toEqual({
      sitePath: "/LocalUser/ann/drop/x",
      folder: "drops/ann",
      storagePath: "/x",
      confinement: "/",
      isMountPoint: false,
    });
    expect(mapping.map("/").isMountPoint).toBe(true);
    expect(mapping.overlay("/").added.map(({ name }) => name)).toEqual(["drop"]);
  });

  it("shows global virtual directories instead, where the site enables them", () => {
    const mapping = planPathMapping("site", DIRECTORIES, isolated(true));
    expect(mapping.map("/pub/x")).toMatchObject({ sitePath: "/pub/x", folder: "shared/public" });
    expect(mapping.map("/pub/old/x").folder).toBe("archive");
    expect(mapping.map("/drop/x").folder).toBe("site");
    expect(mapping.map("/LocalUser/bob/drop/x").folder).toBe("site");
    expect(mapping.overlay("/").added.map(({ name }) => name)).toEqual(["pub"]);
  });

  it("never shows all homes because they lie in a virtual directory", () => {
    const homes = [directory("/LocalUser", "homes")];
    const mapping = planPathMapping("site", homes, isolated(true));
    expect(mapping.overlay("/").added).toEqual([]);
    expect(mapping.map("/a")).toEqual({
      sitePath: "/LocalUser/ann/a",
      folder: "homes",
      storagePath: "/ann/a",
      confinement: "/ann",
      isMountPoint: false,
    });
    expect(mapping.map("/LocalUser/bob").storagePath).toBe("/ann/LocalUser/bob");
  });

  it("hides hidden ones from listings, and what they cover too", () => {
    const mapping = planPathMapping("site", DIRECTORIES, openSite);
    expect(mapping.overlay("/pub")).toEqual({ added: [], covered: new Set(["old"]) });
    expect(mapping.overlay("/")).toEqual({
      added: [{ name: "pub", clientPath: "/pub" }],
      covered: new Set(["pub"]),
    });
    expect(mapping.overlay("/elsewhere")).toEqual({ added: [], covered: new Set() });
  });

  const segment = fc.constantFrom("LocalUser", "ann", "bob", "pub", "x", "y");
  const path = (least: number) =>
    fc
      .array(segment, { minLength: least, maxLength: 4 })
      .map((segments) => `/${segments.join("/")}`);
  const directories = fc
    .uniqueArray(path(1), { maxLength: 5 })
    .map((paths) => paths.map((at, index) => directory(at, `folder${String(index)}`)));
  const home = fc
    .record({ root: path(0), globalVirtualDirectories: fc.boolean() })
    .map((view): Home => ({ ...openSite, ...view }));

  it("keeps a confined account in its home and the virtual directories that it may see", () => {
    fc.assert(
      fc.property(directories, home, path(0), (all, view, at) => {
        const { sitePath, folder, storagePath } = planPathMapping("site", all, view).map(at);
        const inHome = view.root === "/" || `${sitePath}/`.startsWith(`${view.root}/`);
        const global = all.find((each) => each.folder === folder);
        if (!inHome) {
          expect(view.globalVirtualDirectories).toBe(true);
          expect(global).toBeDefined();
        }
        // Whatever keeps the file, folder and path together name what the site path names.
        const base = global?.path ?? "/";
        expect(base === "/" ? storagePath : `${base}${storagePath}`.replace(/\/$/u, "")).toBe(
          sitePath,
        );
      }),
      { numRuns: 2000 },
    );
  });

  it("maps different client paths to different places", () => {
    fc.assert(
      fc.property(directories, home, path(0), path(0), (all, view, a, b) => {
        fc.pre(a !== b);
        const mapping = planPathMapping("site", all, view);
        const places = [a, b].map((at) => {
          const { folder, storagePath } = mapping.map(at);
          return `${folder}:${storagePath}`;
        });
        expect(places[0]).not.toBe(places[1]);
      }),
      { numRuns: 2000 },
    );
  });

  it("lists in each folder exactly the virtual directories that can be entered there", () => {
    fc.assert(
      fc.property(directories, home, path(0), segment, (all, view, folder, name) => {
        const mapping = planPathMapping("site", all, view);
        const child = folder === "/" ? `/${name}` : `${folder}/${name}`;
        const listed = mapping.overlay(folder).added.some((added) => added.clientPath === child);
        expect(listed).toBe(mapping.map(child).isMountPoint);
      }),
    );
  });
});
