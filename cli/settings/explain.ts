/** What an account may do at a path of a site, and which setting decides it. */
import { nearestName, rightsOf, type Account, type Right, type Site } from "#contract";
import { planAuthorization } from "../../server/access/authorization.ts";
import { explainAccess } from "../../server/access/explanation.ts";
import { planHome } from "../../server/access/isolation.ts";
import { planPathMapping } from "../../server/access/path-mapping.ts";
import { planRequestFilter } from "../../server/access/request-filter.ts";
import { resolvePath } from "../../server/protocol/paths.ts";
import { CommandError, UsageError } from "../errors.ts";
import type { LoadedSettings } from "./source.ts";

export interface AccessRequest {
  readonly user: string;
  /** As the client sees it. */
  readonly path: string;
  /** Undefined: the first site. */
  readonly site: string | undefined;
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
  readonly rights: readonly RightReport[];
}

/** @throws CommandError for an account or site that nobody declares. */
export function reportAccess(settings: LoadedSettings, request: AccessRequest): AccessReport {
  const site = findSite(settings, request.site);
  const account = findAccount(settings, request.user);
  const resolved = resolvePath("/", request.path);
  if (!resolved.ok) throw new UsageError(`${JSON.stringify(request.path)} is not a path.`);
  const clientPath = resolved.path;
  const base = { user: account.name, site: site.name, clientPath };
  const planned = planHome(site.userIsolation, account);
  if (planned.kind === "refused") {
    return { ...base, sitePath: undefined, folder: undefined, refusal: planned.reason, rights: [] };
  }
  const mapping = planPathMapping(site.root, site.virtualDirectories, planned.home);
  const { sitePath, folder, storagePath } = mapping.map(clientPath);
  const principal = {
    name: account.name,
    groups: account.groups,
    anonymous: account.anonymous,
    rights: rightsOf(account.permissions),
  };
  const filter = planRequestFilter(site.requestFiltering).checkPath(clientPath, "unknown");
  const refusal = account.disabled ? `account ${account.name} is disabled` : filter?.text;
  const explained = explainAccess(planAuthorization(site.authorization), principal, sitePath);
  return {
    ...base,
    sitePath,
    folder: `${folder}${storagePath}`,
    refusal,
    rights: explained.map(({ right, decision, text }) => ({
      right,
      allowed: refusal === undefined && decision.allowed,
      because: refusal ?? text,
    })),
  };
}

function findSite({ sites }: LoadedSettings, name: string | undefined): Site {
  const site = name === undefined ? sites[0] : sites.find((each) => each.name === name);
  if (site !== undefined) return site;
  throw new CommandError(`There is no site ${name ?? "at all"}.`, hint(name, sites));
}

function findAccount({ accounts, authenticationHook }: LoadedSettings, name: string): Account {
  const account = accounts.find((each) => each.name === name);
  if (account !== undefined) return account;
  throw new CommandError(
    `The settings hold no account ${name}.`,
    authenticationHook.url === ""
      ? hint(name, accounts)
      : "The authentication hook may know it; what it answers is not known here.",
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
  const { user, site, clientPath, sitePath, folder, refusal, rights } = report;
  const head = [
    `${user} on site ${site}, path ${clientPath}`,
    ...(sitePath === undefined || sitePath === clientPath
      ? []
      : [`  path of the site: ${sitePath}`]),
    ...(folder === undefined ? [] : [`  below the data folder: ${folder}`]),
  ];
  if (refusal !== undefined) return [...head, `  nothing is allowed: ${refusal}`].join("\n");
  const lines = rights.map(
    ({ right, allowed, because }) =>
      `  ${right.padEnd(14)}${allowed ? "yes" : "no "}  ${because.slice(`${right} is `.length)}`,
  );
  return [...head, ...lines].join("\n");
}
