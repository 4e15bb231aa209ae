/** Asks the name servers themselves whether a challenge record can be seen. */
import { Resolver } from "node:dns/promises";
import { isIP } from "node:net";
import { CHALLENGE_RECORD } from "#contract";
import { CertificateError, reasonOf } from "./errors.ts";
import { done, persist, type Patience } from "./patience.ts";

export interface ChallengeRecord {
  /** Name that is certified. */
  readonly hostName: string;
  /** Full name of the TXT record. */
  readonly recordName: string;
  /** All of them must be there. */
  readonly values: readonly string[];
}

export interface PropagationOptions {
  readonly zoneName: string;
  /** Asked instead of the system's resolver and the zone's own servers; empty: those. */
  readonly nameServers: readonly string[];
  readonly patience: Patience;
}

const QUERY_TIMEOUT_MS = 5_000;

/**
 * Resolves when every authoritative server of the zone gives every value, and the names that lie
 * elsewhere lead to it.
 *
 * @throws CertificateError naming the CNAME that is missing, or the server that lags behind.
 */
export async function waitForRecords(
  records: readonly ChallengeRecord[],
  options: PropagationOptions,
): Promise<void> {
  for (const record of records) await checkDelegation(record, options);
  const servers = await findServers(options);
  let lagging = "";
  const arrived = await persist(options.patience.propagationMs, options.patience, async () => {
    lagging = await findLagging(records, servers);
    return lagging === "" ? done(true) : { kind: "again" };
  });
  if (arrived !== undefined) return;
  throw new CertificateError(
    "dns",
    `after ${String(options.patience.propagationMs / 1000)} s ${lagging}`,
    "check that the zone is delegated to Azure's name servers: dig NS " + options.zoneName,
  );
}

/** A name outside the zone must lead into it, or the authority looks elsewhere. */
async function checkDelegation(
  { hostName, recordName }: ChallengeRecord,
  { nameServers }: PropagationOptions,
): Promise<void> {
  const asked = `${CHALLENGE_RECORD.label}.${hostName}`;
  if (asked === recordName) return;
  const resolver = resolverFor(nameServers);
  const seen = [asked];
  for (let name = asked; name !== recordName;) {
    const [target] = await resolver.resolveCname(name).catch(() => []);
    if (target === undefined || seen.includes(target)) {
      throw new CertificateError(
        "dns",
        `${asked} does not lead to ${recordName}${seen.length > 1 ? ` but to ${name}` : ""}`,
        `have the owner of ${hostName} add: ${asked}. CNAME ${recordName}.`,
      );
    }
    seen.push(target);
    name = target.toLowerCase().replace(/\.$/, "");
  }
}

interface NameServer {
  readonly name: string;
  readonly resolver: Resolver;
}

async function findServers(options: PropagationOptions): Promise<readonly NameServer[]> {
  const { zoneName, nameServers } = options;
  if (nameServers.length > 0) {
    return nameServers.map((name) => ({ name, resolver: resolverFor([name]) }));
  }
  const system = resolverFor([]);
  try {
    const names = await system.resolveNs(zoneName);
    const servers = await Promise.all(
      names.map(async (name) => {
        const [address] = isIP(name) === 0 ? await system.resolve4(name) : [name];
        return address === undefined ? [] : [{ name, resolver: resolverFor([address]) }];
      }),
    );
    return servers.flat();
  } catch (error) {
    throw new CertificateError(
      "dns",
      `the name servers of ${zoneName} are not known: ${reasonOf(error)}`,
      "delegate the zone at its parent to the name servers that Azure shows for it",
      { cause: error },
    );
  }
}

function resolverFor(servers: readonly string[]): Resolver {
  const resolver = new Resolver({ timeout: QUERY_TIMEOUT_MS, tries: 2 });
  if (servers.length > 0) resolver.setServers(servers);
  return resolver;
}

/** Empty when nobody lags behind. */
async function findLagging(
  records: readonly ChallengeRecord[],
  servers: readonly NameServer[],
): Promise<string> {
  for (const { name, resolver } of servers) {
    for (const { recordName, values } of records) {
      const found = await resolver
        .resolveTxt(recordName)
        .then((texts) => texts.map((parts) => parts.join("")))
        .catch((error: unknown) => reasonOf(error));
      if (typeof found === "string") return `${name} does not answer for ${recordName} (${found})`;
      if (!values.every((value) => found.includes(value))) {
        return `${name} does not have the new record ${recordName}`;
      }
    }
  }
  return "";
}
