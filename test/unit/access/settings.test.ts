import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { ContractError, parseWith, PERMISSIONS, RIGHTS } from "#contract";
import {
  accountAccessEntries,
  accountLimitsEntries,
  authorizationRuleSchema,
  ipRestrictionsSchema,
  logonAttemptsSchema,
  messagesSchema,
  parseExpiry,
  requestFilteringSchema,
  serverLimitsEntries,
  siteAccessEntries,
  siteIsolationEntries,
  siteLimitsEntries,
  siteMessagesEntries,
} from "../../../server/contract/access.ts";

const site = v.strictObject({
  ...siteAccessEntries,
  ...siteIsolationEntries,
  ...siteLimitsEntries,
  ...siteMessagesEntries,
});
const account = v.strictObject({ ...accountAccessEntries, ...accountLimitsEntries });
const server = v.strictObject({ ...serverLimitsEntries, logonAttempts: logonAttemptsSchema });

/** The first finding as `setting: problem; fix`. */
const complaint = (schema: v.GenericSchema, input: unknown): string => {
  try {
    parseWith(schema, input);
  } catch (error) {
    if (!(error instanceof ContractError)) throw error;
    const [first] = error.findings;
    return `${first?.setting ?? ""}: ${first?.problem ?? ""}; ${first?.fix ?? ""}`;
  }
  return "accepted";
};

describe("access settings", () => {
  it("are complete without a word, and allow what the account's permissions allow", () => {
    const parsed = parseWith(site, {});
    expect(parsed.authorization).toEqual([
      { effect: "allow", path: "/", users: ["*"], groups: [], permissions: ["read", "write"] },
    ]);
    expect(parsed.ipRestrictions.healthCheckAddresses).toEqual(["127.0.0.1", "::1"]);
    expect(parsed.userIsolation.mode).toBe("none");
    expect(parseWith(account, {})).toEqual({
      groups: [],
      limits: { bandwidth: {}, sessionBandwidth: {} },
    });
  });

  it("are read again as they were parsed, so that a projection can be a file", () => {
    for (const [schema, input] of [
      [site, {}],
      [site, { authorization: [{ effect: "deny", groups: ["g"] }], timeouts: { dataSeconds: 5 } }],
      [account, { expires: "2027-01-31", limits: { storageBytes: 1 } }],
      [server, { logonAttempts: { mode: "logOnly" } }],
    ] as const) {
      const once = parseWith(schema, input);
      expect(parseWith(schema, JSON.parse(JSON.stringify(once)))).toEqual(once);
    }
  });

  it("take every permission of the contract and no other", () => {
    const known = [...Object.keys(PERMISSIONS), ...RIGHTS];
    expect(
      complaint(authorizationRuleSchema, { effect: "allow", users: ["*"], permissions: known }),
    ).toBe("accepted");
    expect(
      complaint(authorizationRuleSchema, { effect: "allow", users: ["*"], permissions: ["all"] }),
    ).not.toBe("accepted");
  });

  it.each([
    [authorizationRuleSchema, { effect: "allow" }, /is for nobody; name users or groups/],
    [
      authorizationRuleSchema,
      { effect: "allow", users: ["a b"] },
      /users\.0: is not a user; write/,
    ],
    [
      authorizationRuleSchema,
      { effect: "deny", users: ["*"], path: "/a/" },
      /path: is not an absolute path; write/,
    ],
    [
      authorizationRuleSchema,
      { effect: "deny", users: ["*"], path: "/a/../b" },
      /path: holds "." or ".."; write the path/,
    ],
    [requestFilteringSchema, { commands: { mode: "allow", names: ["RETR"] } }, /add USER and PASS/],
    [
      requestFilteringSchema,
      { fileExtensions: { extensions: ["exe"] } },
      /extensions\.0: is not a file extension; write for example "\.exe"/,
    ],
    [requestFilteringSchema, { hiddenSegment: [] }, /did you mean hiddenSegments/],
    [
      ipRestrictionsSchema,
      { rules: [{ effect: "allow", address: "203.0.113.9/24" }] },
      /rules\.0\.address: has bits below its prefix; write .* 203\.0\.113\.0\/24/,
    ],
    [
      ipRestrictionsSchema,
      { rules: [{ effect: "allow", address: "203.0.113.0/255.0.255.0" }] },
      /contiguous mask/,
    ],
    [
      ipRestrictionsSchema,
      { rules: [{ effect: "allow", address: "*", hostName: "a.example" }] },
      /either address or hostName/,
    ],
    [
      ipRestrictionsSchema,
      { rules: [{ effect: "allow", hostName: "a.*.example" }] },
      /hostName: is not a host name; write/,
    ],
    [messagesSchema, { welcome: "Hi %UserNam%" }, /welcome: uses %UserNam%.*; use %BytesReceived%/],
    [messagesSchema, { banner: "Hi %UserName%" }, /banner: uses %UserName%, which has no value/],
    [messagesSchema, { exit: "a\r\n230 b" }, /exit: holds control characters/],
    [account, { expires: "2027-02-31" }, /expires: is not a date; write for example/],
    [account, { limits: { connections: 0 } }, /limits\.connections: is below 1/],
    [
      site,
      { virtualDirectories: [{ path: "/", folder: "x" }] },
      /path: is the site's root; set root/,
    ],
    [
      site,
      {
        virtualDirectories: [
          { path: "/a", folder: "x" },
          { path: "/a", folder: "y" },
        ],
      },
      /names a path twice; give each/,
    ],
    [site, { directoryMessageFile: "../x" }, /directoryMessageFile: is not a file name; write/],
  ] as const)("say what is wrong and how to fix it (%#)", (schema, input, expected) => {
    expect(complaint(schema, input)).toMatch(expected);
  });

  it("reads an expiry as the end of a day or as a moment", () => {
    expect(parseExpiry("2027-01-31")).toBe(Date.UTC(2027, 1, 1));
    expect(parseExpiry("2028-02-29")).toBe(Date.UTC(2028, 2, 1));
    expect(parseExpiry("2027-01-31T18:00:00+01:00")).toBe(Date.UTC(2027, 0, 31, 17));
    expect(parseExpiry("2027-02-29")).toBeUndefined();
    expect(parseExpiry("2027-01-31T25:00:00Z")).toBeUndefined();
    expect(parseExpiry("tomorrow")).toBeUndefined();
  });
});
