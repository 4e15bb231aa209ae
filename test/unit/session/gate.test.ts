import { rightsOf } from "#contract";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../../server/commands/table.ts";
import { checkCredentials, checkGate, type TlsPolicy } from "../../../server/session/gate.ts";
import type { Principal } from "../../../server/session/principal.ts";
import {
  INITIAL_STATE,
  PRIVATE_PROTECTION,
  type SessionState,
} from "../../../server/session/state.ts";

const LAX: TlsPolicy = {
  controlPolicy: "allow",
  dataPolicy: "allow",
  certificateFile: "certificate.pem",
};

// The gate looks at nothing else of a principal.
const principal = (permissions: Parameters<typeof rightsOf>[0]): Principal =>
  ({ account: { name: "ada" }, rights: rightsOf(permissions) }) as Principal;

const state = (change: Partial<SessionState>): SessionState => ({ ...INITIAL_STATE, ...change });

const loggedIn = (permissions: Parameters<typeof rightsOf>[0] = ["read", "write"]): SessionState =>
  state({
    login: { kind: "loggedIn", principal: principal(permissions) },
    data: { kind: "active", endpoint: { address: "192.0.2.1", port: 2000 } },
    pending: { kind: "rename", from: "/a" },
  });

function codeOf(verb: string, at: SessionState, policy = LAX): number | undefined {
  const command = COMMANDS.get(verb);
  if (command === undefined) throw new Error(`${verb} is not in the table`);
  return checkGate(command, at, policy)?.reply.code;
}

const verbs = [...COMMANDS.keys()];
const withLogin = verbs.filter((verb) => COMMANDS.get(verb)?.login === "required");

describe("gate", () => {
  it.each(withLogin)("%s needs a login", (verb) => {
    expect(codeOf(verb, INITIAL_STATE)).toBe(530);
    expect(
      codeOf(verb, state({ login: { kind: "userNamed", userName: "a", siteName: "b" } })),
    ).toBe(530);
    expect(codeOf(verb, loggedIn())).toBeUndefined();
  });

  it("lets those who may do nothing touch nothing", () => {
    const touching = [
      "RETR",
      "STOU",
      "DELE",
      "MKD",
      "RMD",
      "RNFR",
      "RNTO",
      "LIST",
      "NLST",
      "MLSD",
      "MLST",
      "SIZE",
      "MFMT",
      "MFF",
      "AVBL",
      "DSIZ",
      "HASH",
      "XCRC",
      "SITE CHMOD",
      "SITE UTIME",
    ];
    for (const verb of touching) expect([verb, codeOf(verb, loggedIn([]))]).toEqual([verb, 550]);
  });

  it.each(["RETR", "STOR", "APPE", "STOU", "LIST", "NLST", "MLSD"])(
    "%s needs a data connection with the right protection",
    (verb) => {
      const clear = loggedIn();
      const secret = { ...clear, protection: PRIVATE_PROTECTION };
      expect(codeOf(verb, { ...clear, data: { kind: "none" } })).toBe(425);
      expect(codeOf(verb, clear, { ...LAX, dataPolicy: "require" })).toBe(521);
      expect(codeOf(verb, secret, { ...LAX, dataPolicy: "require" })).toBeUndefined();
      expect(codeOf(verb, secret, { ...LAX, dataPolicy: "deny" })).toBe(521);
      expect(codeOf(verb, clear, { ...LAX, dataPolicy: "deny" })).toBeUndefined();
      expect(codeOf(verb, secret, { ...LAX, certificateFile: undefined })).toBe(521);
    },
  );

  it("lets only what leads to TLS pass in the clear when TLS is required", () => {
    const strict: TlsPolicy = { ...LAX, controlPolicy: "require" };
    const passing = verbs.filter((verb) => codeOf(verb, loggedIn(), strict) === undefined);
    expect(passing.toSorted()).toEqual([
      "ABOR",
      "AUTH",
      "CCC",
      "CLNT",
      "CSID",
      "FEAT",
      "HELP",
      "HOST",
      "LANG",
      "NOOP",
      "OPTS",
      "OPTS HASH",
      "OPTS MLST",
      "OPTS UTF-8",
      "OPTS UTF8",
      "PBSZ",
      "PROT",
      "QUIT",
      "REIN",
      "SYST",
    ]);
    for (const verb of verbs) {
      expect(codeOf(verb, { ...loggedIn(), control: "private" }, strict)).toBeUndefined();
    }
  });

  it.each(["PASV", "PORT", "EPRT"])("%s is refused after EPSV ALL, EPSV is not", (verb) => {
    const at = { ...loggedIn(), extendedPassiveOnly: true };
    expect(codeOf(verb, at)).toBe(503);
    expect(codeOf("EPSV", at)).toBeUndefined();
  });

  it("wants RNFR before RNTO", () => {
    expect(codeOf("RNTO", { ...loggedIn(), pending: { kind: "none" } })).toBe(503);
    expect(codeOf("RNTO", { ...loggedIn(), pending: { kind: "restart", offset: 1 } })).toBe(503);
  });
});

describe("credentials", () => {
  it.each([
    ["allow", "clear", false, undefined],
    ["requireForCredentials", "clear", false, 534],
    ["requireForCredentials", "clear", true, undefined],
    ["requireForCredentials", "private", false, undefined],
    ["require", "clear", false, 534],
  ] as const)(
    "policy %s, control %s, anonymous %s → %s",
    (controlPolicy, control, anonymous, code) => {
      const demands = { minVersion: "TLSv1.2", ciphers: "", sessionReuse: "allow" } as const;
      const policy = { ...LAX, ...demands, controlPolicy };
      expect(checkCredentials(state({ control }), policy, anonymous)?.code).toBe(code);
    },
  );
});
