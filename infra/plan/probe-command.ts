/** The command line of the probe. */
import { boundPorts, formatRange, slicesSeen, type Deployed } from "#contract";

/**
 * Plans the arguments of `gangway verify` that prove a deployment.
 *
 * @param fingerprint SHA-256 of a self-signed certificate; undefined: authorities vouch for it.
 */
export function planProbeArguments(
  deployed: Deployed,
  fingerprint: string | undefined,
): readonly string[] {
  const { settings, advertisedAddress, certificateNames } = deployed;
  const bound = boundPorts(settings.sites).map(({ channel, port }) => `${channel}:${String(port)}`);
  return [
    "verify",
    advertisedAddress,
    "--port",
    String(settings.controlPort),
    "--implicit-port",
    settings.implicitTlsPort === undefined ? "off" : String(settings.implicitTlsPort),
    ...(bound.length === 0 ? [] : ["--bound-ports", bound.join(",")]),
    "--user",
    settings.probe.account,
    "--passive-range",
    formatRange(settings.passivePorts),
    "--passive-slices",
    String(slicesSeen(settings)),
    "--advertised",
    advertisedAddress,
    "--names",
    certificateNames.join(","),
    "--control-policy",
    settings.tls.controlPolicy,
    "--data-policy",
    settings.tls.dataPolicy,
    "--min-tls",
    settings.tls.minVersion,
    ...(fingerprint === undefined ? [] : ["--fingerprint", fingerprint]),
  ];
}

/** Joins arguments for a POSIX shell; what needs no quotes also suits the shell of Windows. */
export function joinArguments(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(" ");
}
