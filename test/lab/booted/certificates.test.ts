/** The certificate agent on a booted machine: its units, its sandbox, and the server that reads along. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { MACHINE_LAYOUT } from "#contract";
import { LabStack } from "../../support/lab-stack.ts";
import {
  describeMachine,
  IMAGE_MILLISECONDS,
  readInMachine,
  runInMachine,
  testImage,
} from "../../support/machine-level.ts";
import { makeNamedCertificate } from "../../support/named-certificate.ts";

const FILE = `${MACHINE_LAYOUT.settingsFolder}/${MACHINE_LAYOUT.certificatesFolder}/server.pem`;
const UNIT = "gangway-certificates";

describeMachine("certificates on a booted machine", () => {
  let stack: LabStack;

  beforeAll(async () => {
    const image = await testImage();
    stack = await LabStack.up({
      level: "machine",
      image,
      settings: { probe: { mode: "off" } },
    });
  }, IMAGE_MILLISECONDS);

  afterAll(() => stack[Symbol.asyncDispose]());

  const read = (...command: readonly string[]) =>
    readInMachine(stack.folder, stack.machineName, ...command);
  const run = async (script: string, environment: Readonly<Record<string, string>> = {}) => {
    const result = await runInMachine(stack.folder, stack.machineName, script, environment);
    expect(result, script).toMatchObject({ exitCode: 0 });
    return result.output;
  };
  const log = () => read("journalctl", "--no-pager", "-o", "cat", "-t", UNIT);

  it("delivers a file that the server alone may read, besides root", async () => {
    expect(await read("stat", "-c", "%a %U:%G", FILE)).toBe("640 root:gangwayd");
    expect(await read("systemctl", "is-active", `${UNIT}.timer`, `${UNIT}.path`)).toBe(
      "active\nactive",
    );
  });

  it("reaches metadata service and vault out of its sandbox, when the clock says so", async () => {
    await run(`rm ${FILE}; systemctl start ${UNIT}.service`);
    expect(await read("stat", "-c", "%a %U:%G", FILE)).toBe("640 root:gangwayd");
    expect(await log()).toMatch(/"event":"certificateDelivered".*"from":"vault"/);
    const record = await read(
      ...["journalctl", "--no-pager", "-o", "json", "-t", UNIT],
      ...["--output-fields=PRIORITY,MESSAGE,SYSLOG_FACILITY", "-n", "1"],
    );
    // 6: info, taken from the line's prefix; 16: local0.
    expect(JSON.parse(record)).toMatchObject({ PRIORITY: "6", SYSLOG_FACILITY: "16" });
  });

  it("takes what the extension brings at once, and the server shows it", async () => {
    const renewed = await makeNamedCertificate({ names: [stack.address] });
    const link = `${MACHINE_LAYOUT.certificateStore}/server`;
    // As the extension does it: a new file, then the link is pointed at it.
    await run(
      `"$node" -e '
        const fs = require("node:fs");
        const settings = JSON.parse(fs.readFileSync(process.argv[1], "utf8"));
        settings.certificates[0].source.storeFile = process.argv[2];
        fs.writeFileSync(process.argv[1], JSON.stringify(settings));
      ' ${MACHINE_LAYOUT.certificateAgentFile} ${link}
      umask 077
      printf '%s\\n' "$pem" >${link}.version
      ln -sfn server.version ${link}`,
      {
        node: `${MACHINE_LAYOUT.current}/bin/node`,
        pem: `${renewed.key}\n${renewed.certificate}`,
      },
    );
    await expect.poll(log, { timeout: 60_000 }).toContain('"from":"extension"');
    await expect.poll(shown, { timeout: 30_000 }).toBe(renewed.fingerprint);
  });

  /** What `openssl` is shown on the way in, through the lab's edge. */
  async function shown(): Promise<string> {
    const { output } = await stack.run([
      "bash",
      "-c",
      `openssl s_client -connect ${stack.address}:${String(stack.settings.implicitTlsPort)} </dev/null 2>/dev/null |
        openssl x509 -noout -fingerprint -sha256`,
    ]);
    return output.trim().replace(/^.*=/, "");
  }
});
