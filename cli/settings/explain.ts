/** What an account may do at a path of a site, and which setting decides it. */
import {
  accountSchema,
  nearestName,
  parseClientAddress,
  parseWith,
  rightsOf,
  type Account,
  type Right,
  type Site,
} from "#contract";
import { planAuthorization } from "../../server/access/authorization.ts";
import { explainAccess } from "../../server/access/explanation.ts";
import { formatIpDecision, planIpRestrictions } from "../../server/access/ip-restrictions.ts";
import { planHome } from "../../server/access/isolation.ts";
import { planPathMapping } from "../../server/access/path-mapping.ts";
import { planRequestFilter } from "../../server/access/request-filter.ts";
import { resolvePath } from "../../server/protocol/paths.ts";
import { CommandError, UsageError } from "../errors.ts";
import type { LoadedSettings } from "./source.ts";

export interface AccessRequest {
  readonly user: string;
  /** As the client sees it; a folder's ends in a slash. */
  readonly path: string;
  /** Undefined: the first site. */
  readonly site: string | undefined;
  /** Where the client comes from; undefined: no rule about addresses is asked. */
  readonly address?: string | undefined;
  /** Names that a reverse lookup of the address would confirm. */
  readonly hostNames?: readonly string[] | undefined;
  /** What the authentication hook would say of a user whom the settings do not hold. */
  readonly hookAnswer?: HookAnswer | undefined;
  /** A verb, perhaps with its first word (`SITE CHMOD`), to be put to the request filter. */
  readonly command?: string | undefined;
}

export interface HookAnswer {
  readonly groups?: readonly string[] | undefined;
  readonly home?: string | undefined;
  readonly permissions?: readonly string[] | undefined;
}

/** One right and what decides it. */
export interface RightReport {
  readonly right: Right;
  readonly allowed: boolean;
  readonly because: string;
}

export interface AccessReport {
  readonly user: string;
  readonly site: string;
  readonly clientPath: string;
  /** What rules are about; undefined when the account cannot be on the site. */
  readonly sitePath: string | undefined;
  /** Folder below the data folder, and the path in it. */
  readonly folder: string | undefined;
  /** Why nothing at all is allowed, whatever the rules say. */
  readonly refusal: string | undefined;
  /** What the rules about addresses say of the login and of the path; empty when not asked. */
  readonly client: readonly string[];
  readonly rights: readonly RightReport[];
}

/**
 * @throws CommandError for an account or site that nobody declares; ContractError for a hook's answer
 * that does not hold.
 */
export function reportAccess(settings: LoadedSettings, request: AccessRequest): AccessReport {
  const site = findSite(settings, request.site);
  const account = findAccount(settings, request);
  const resolved = resolvePath("/", request.path);
  if (!resolved.ok) throw new UsageError(`${JSON.stringify(request.path)} is not a path.`);
  const clientPath = resolved.path;
  const base = { user: account.name, site: site.name, clientPath };
  const planned = planHome(site.userIsolation, account);
  if (planned.kind === "refused") {
    const nowhere = { sitePath: undefined, folder: undefined, client: [], rights: [] };
    return { ...base, ...nowhere, refusal: planned.reason };
  }
  const mapping = planPathMapping(site.root, site.virtualDirectories, planned.home);
  const { sitePath, folder, storagePath } = mapping.map(clientPath);
  const principal = {
    name: account.name,
    groups: account.groups,
    anonymous: account.anonymous,
    rights: rightsOf(account.permissions),
  };
  const client = explainClient(site, request, sitePath);
  const refusal =
    refuseAccount(account, site) ??
    client.find(({ allowed }) => !allowed)?.text ??
    refuseRequest(site, clientPath, request);
  const explained = explainAccess(planAuthorization(site.authorization), principal, sitePath);
  return {
    ...base,
    sitePath,
    folder: `${folder}${storagePath}`,
    refusal,
    client: client.map(({ text }) => text),
    rights: explained.map(({ right, decision, text }) => ({
      right,
      allowed: refusal === undefined && decision.allowed,
      because: refusal ?? text,
    })),
  };
}

function refuseAccount(account: Account, site: Site): string | undefined {
  const { name, disabled, sites } = account;
  if (disabled) return `account ${name} is disabled`;
  return sites.length === 0 || sites.includes(site.name)
    ? undefined
    : `accounts (${name}).sites does not hold ${site.name}`;
}

/** What the request filter has against the command, or the path in it. */
function refuseRequest(
  { requestFiltering }: Site,
  clientPath: string,
  { command, path }: AccessRequest,
): string | undefined {
  const filter = planRequestFilter(requestFiltering);
  const [verb = "", word] = command?.trim().split(/\s+/u) ?? [];
  const refusal =
    (verb === "" ? undefined : filter.checkCommand(verb, word)) ??
    filter.checkPath(clientPath, path.endsWith("/") ? "directory" : "file");
  return refusal?.text;
}

/** The rules about addresses, at the login and at the path. */
function explainClient(
  { ipRestrictions }: Site,
  { address, hostNames = [] }: AccessRequest,
  sitePath: string,
): readonly { readonly allowed: boolean; readonly text: string }[] {
  if (address === undefined) return [];
  if (parseClientAddress(address) === undefined) {
    throw new UsageError(`${JSON.stringify(address)} is not an IP address.`);
  }
  const client = planIpRestrictions(ipRestrictions).forClient(address, hostNames);
  const places = sitePath === "/" ? ["/"] : ["/", sitePath];
  return places.map((place) => {
    const decision = client.decide(place);
    const where = place === "/" ? "login" : "path";
    return { allowed: decision.allowed, text: `${where}: ${formatIpDecision(decision, address)}` };
  });
}

function findSite({ sites }: LoadedSettings, name: string | undefined): Site {
  const site = name === undefined ? sites[0] : sites.find((each) => each.name === name);
  if (site !== undefined) return site;
  throw new CommandError(`There is no site ${name ?? "at all"}.`, hint(name, sites));
}

function findAccount(
  { accounts, authenticationHook }: LoadedSettings,
  { user: name, hookAnswer }: AccessRequest,
): Account {
  const account = accounts.find((each) => each.name === name);
  if (account !== undefined && hookAnswer !== undefined) {
    throw new UsageError(`The settings hold the account ${name}: the hook is not asked about it.`);
  }
  if (account !== undefined) return account;
  if (hookAnswer !== undefined) return parseWith(accountSchema, { name, ...hookAnswer });
  throw new CommandError(
    `The settings hold no account ${name}.`,
    authenticationHook.url === ""
      ? hint(name, accounts)
      : "The authentication hook may know it: say with --groups, --home and --permissions what it would answer.",
  );
}

function hint(
  name: string | undefined,
  known: readonly { readonly name: string }[],
): string | undefined {
  const names = known.map((each) => each.name);
  const nearest = name === undefined ? undefined : nearestName(name, names);
  if (nearest !== undefined) return `Did you mean ${nearest}?`;
  return names.length === 0 ? undefined : `There are ${names.join(", ")}.`;
}

/** The report as a person reads it. */
export function formatAccess(report: AccessReport): string {
  const { user, site, clientPath, sitePath, folder, refusal, client, rights } = report;
  const head = [
    `${user} on site ${site}, path ${clientPath}`,
    ...(sitePath === undefined || sitePath === clientPath
      ? []
      : [`  path of the site: ${sitePath}`]),
    ...(folder === undefined ? [] : [`  below the data folder: ${folder}`]),
    ...client.map((line) => `  ${line}`),
  ];
  if (refusal !== undefined) return [...head, `  nothing is allowed: ${refusal}`].join("\n");
  const lines = rights.map(
    ({ right, allowed, because }) =>
      `  ${right.padEnd(14)}${allowed ? "yes" : "no "}  ${because.slice(`${right} is `.length)}`,
  );
  return [...head, ...lines].join("\n");
}
