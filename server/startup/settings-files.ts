/** From the files that a deployment delivers to settings with absolute paths. */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import {
  type ClientCertificates,
  ContractError,
  joinDeployment,
  type ServerSettings,
} from "#contract";
import type { StartupArguments } from "./arguments.ts";

/**
 * Reads and joins the files, applies the arguments that override settings, and makes every path
 * absolute: paths in the settings are relative to the file they stand in.
 *
 * @throws ContractError naming the file or setting, and the fix.
 */
export async function readSettings(args: StartupArguments): Promise<ServerSettings> {
  const { settingsFile, deploymentFile, dataFolder, host } = args;
  const declared = await readJson("--settings", settingsFile);
  const deployment =
    deploymentFile === undefined ? undefined : await readJson("--deployment", deploymentFile);
  const settings = joinDeployment(declared, deployment);
  const folder = dirname(resolve(settingsFile));
  const { certificateFile, keyFile } = defaultCertificate(settings);
  if (certificateFile === undefined && settings.listen.implicitTlsPort !== undefined) {
    throw finding(
      "listen.implicitTlsPort",
      String(settings.listen.implicitTlsPort),
      "needs a certificate",
      "set tls.certificateFile or that of a site, or leave the port out",
    );
  }
  const requiring = [
    { at: "tls", policy: settings.tls.controlPolicy },
    ...settings.sites.map(({ name, tls }) => ({
      at: `sites (${name}).tls`,
      policy: tls.controlPolicy,
    })),
  ].find(({ policy }) => policy === "require");
  if (certificateFile === undefined && requiring !== undefined) {
    throw finding(
      `${requiring.at}.controlPolicy`,
      "require",
      "needs a certificate",
      "set tls.certificateFile or that of a site, or the policy to allow",
    );
  }
  return {
    ...settings,
    listen: host === undefined ? settings.listen : { ...settings.listen, addresses: [host] },
    tls: {
      ...settings.tls,
      ...resolveFiles(folder, { certificateFile, keyFile }),
      ...resolveAuthorities(folder, settings.tls),
    },
    sites: settings.sites.map((site) => ({
      ...site,
      ...resolveFiles(folder, site),
      tls: { ...site.tls, ...resolveAuthorities(folder, site.tls) },
    })),
    authenticationHook:
      settings.authenticationHook.bearerTokenFile === ""
        ? settings.authenticationHook
        : {
            ...settings.authenticationHook,
            bearerTokenFile: resolve(folder, settings.authenticationHook.bearerTokenFile),
          },
    log: { ...settings.log, folder: resolve(folder, settings.log.folder) },
    dataFolder:
      dataFolder === undefined ? resolve(folder, settings.dataFolder) : resolve(dataFolder),
  };
}

type CertificateFiles = Pick<ServerSettings["tls"], "certificateFile" | "keyFile">;

/** Sites without a certificate use the server's, or else that of the first site which has one. */
function defaultCertificate({ tls, sites }: ServerSettings): CertificateFiles {
  if (tls.certificateFile !== undefined) return tls;
  return sites.find(({ certificateFile }) => certificateFile !== undefined) ?? tls;
}

function resolveFiles(folder: string, { certificateFile, keyFile }: CertificateFiles) {
  return {
    ...(certificateFile === undefined ? {} : { certificateFile: resolve(folder, certificateFile) }),
    ...(keyFile === undefined ? {} : { keyFile: resolve(folder, keyFile) }),
  };
}

function resolveAuthorities(
  folder: string,
  { clientCertificates }: { readonly clientCertificates?: ClientCertificates | undefined },
) {
  if (clientCertificates === undefined) return {};
  const { authoritiesFile } = clientCertificates;
  return {
    clientCertificates: {
      ...clientCertificates,
      ...(authoritiesFile === undefined
        ? {}
        : { authoritiesFile: resolve(folder, authoritiesFile) }),
    },
  };
}

/** The files whose change means that the settings are to be read again. */
export function watchedFiles(args: StartupArguments, settings: ServerSettings): readonly string[] {
  const { tls, sites } = settings;
  const certificates = [tls, ...sites].flatMap((each) => [each.certificateFile, each.keyFile]);
  const authorities = [tls, ...sites.map((site) => site.tls)].map(
    ({ clientCertificates }) => clientCertificates?.authoritiesFile,
  );
  const { bearerTokenFile } = settings.authenticationHook;
  return [args.settingsFile, args.deploymentFile, ...certificates, ...authorities, bearerTokenFile]
    .filter((file): file is string => file !== undefined && file !== "")
    .map((file) => resolve(file));
}

async function readJson(argument: string, file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw finding(
      argument,
      file,
      missing ? "does not exist" : "cannot be read",
      "name a readable JSON file",
      error,
    );
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw finding(argument, file, `is not JSON (${detail})`, "correct the file", error);
  }
}

function finding(
  setting: string,
  value: string,
  problem: string,
  fix: string,
  cause?: unknown,
): ContractError {
  const error = new ContractError([{ setting, value, problem, fix }]);
  error.cause = cause;
  return error;
}
