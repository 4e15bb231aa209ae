/** Scripts and rules for the machine, as their interpreters read them. */
import { spawnSync } from "node:child_process";
import { userInfo } from "node:os";
import { describe, expect, it } from "vitest";
import { parseSettings } from "#contract";
import { renderBootstrapScript } from "../../infra/machine/bootstrap-script.ts";
import { renderDeliveryScript } from "../../infra/machine/delivery-script.ts";
import { LAYOUT } from "../../infra/machine/layout.ts";
import { renderUnits } from "../../infra/machine/units.ts";
import { planMachineSettings } from "../../infra/plan/machine-settings.ts";
import { isInstalled } from "../support/programs.ts";

const root = userInfo().uid === 0;

function checkSyntax(script: string) {
  return spawnSync("bash", ["-n"], { input: script, encoding: "utf8" });
}

describe("scripts", () => {
  it("are bash", () => {
    for (const script of [
      renderDeliveryScript(LAYOUT),
      renderBootstrapScript("0123456789abcdef", LAYOUT),
    ]) {
      const { status, stderr } = checkSyntax(script);
      expect(stderr).toBe("");
      expect(status).toBe(0);
    }
    expect(checkSyntax("if true; then").status).not.toBe(0);
  });

  it("differ when what they deliver differs, because Azure runs an identical script once", () => {
    expect(renderBootstrapScript("a", LAYOUT)).not.toBe(renderBootstrapScript("b", LAYOUT));
    expect(renderBootstrapScript("a", LAYOUT)).toBe(renderBootstrapScript("a", LAYOUT));
  });

  it("hand over by the names in the server archive", () => {
    const names = renderUnits().map(({ name }) => name);
    expect(names).toContain("deliver.sh");
    expect(names).toContain("host/etc/systemd/system/gangway@.service");
  });
});

describe.runIf(root && ["nft", "unshare"].every(isInstalled))("the guest firewall", () => {
  it("is a ruleset that nft accepts, whatever the settings", () => {
    for (const input of [
      {},
      { activeMode: true, clientCidrs: ["198.51.100.0/24", "203.0.113.7"] },
      { adminCidrs: ["192.0.2.0/24"], probe: { sourceCidrs: ["192.0.2.9/32", "192.0.2.10"] } },
      { passivePorts: "50000-50000", implicitTlsPort: 0 },
    ]) {
      const { guestFirewall } = planMachineSettings(parseSettings(input));
      const { stderr, status } = spawnSync("unshare", ["--net", "nft", "-c", "-f", "-"], {
        input: guestFirewall,
        encoding: "utf8",
      });
      expect(stderr).toBe("");
      expect(status).toBe(0);
    }
  });
});
