/** Command lines that move a whole tree with real clients, in any mode. */
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const TLS_MODES = ["plain", "explicit", "implicit"] as const;
export type TlsMode = (typeof TLS_MODES)[number];
export type PassiveVerb = "EPSV" | "PASV";

/** Uploads `local` to `remote`, then downloads `remote` to `back`. */
export interface TreeRoundTrip {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly mode: TlsMode;
  readonly passive: PassiveVerb;
  readonly local: string;
  /** Name of a folder below the account's home that does not exist yet. */
  readonly remote: string;
  /** Local folder that does not exist yet. */
  readonly back: string;
}

/** Commands to run one after the other, each with its standard input. */
export type Steps = readonly { readonly words: readonly string[]; readonly input?: string }[];

const script = (name: string) => fileURLToPath(new URL(`clients/${name}`, import.meta.url));

const argumentsOf = (trip: TreeRoundTrip) => {
  const { host, port, user, password, mode, passive, local, remote, back } = trip;
  return [host, String(port), user, password, mode, passive, local, remote, back];
};

export const CLIENTS = {
  ftplib: (trip: TreeRoundTrip): Steps => [
    { words: ["python3", script("ftplib-tree.py"), ...argumentsOf(trip)] },
  ],
  "basic-ftp": (trip: TreeRoundTrip): Steps => [
    { words: [process.execPath, script("basic-ftp-tree.mjs"), ...argumentsOf(trip)] },
  ],
  lftp: (trip: TreeRoundTrip): Steps => [{ words: ["lftp", "-c", lftpScript(trip)] }],
  curl: (trip: TreeRoundTrip): Steps =>
    ["upload" as const, "download" as const].map((direction) => ({
      words: ["curl", "--config", "-"],
      input: curlConfig(trip, direction),
    })),
};
export type ClientName = keyof typeof CLIENTS;

/** What a client needs on this computer. */
export const CLIENT_PROGRAMS: Readonly<Record<ClientName, string>> = {
  ftplib: "python3",
  "basic-ftp": "node",
  lftp: "lftp",
  curl: "curl",
};

function lftpScript({ mode, passive, ...trip }: TreeRoundTrip): string {
  const scheme = mode === "implicit" ? "ftps" : "ftp";
  return [
    "set cmd:fail-exit yes",
    "set net:max-retries 1",
    "set net:timeout 30",
    "set ssl:verify-certificate no",
    `set ftp:prefer-epsv ${passive === "EPSV" ? "yes" : "no"}`,
    // 227's address is used as it is; lftp would otherwise correct one that it deems wrong.
    "set ftp:fix-pasv-address no",
    `set ftp:ssl-allow ${mode === "plain" ? "no" : "yes"}`,
    `set ftp:ssl-force ${mode === "plain" ? "no" : "yes"}`,
    "set ftp:ssl-protect-data yes",
    `open -u ${trip.user},${trip.password} ${scheme}://${trip.host}:${String(trip.port)}`,
    `mirror --reverse --parallel=4 ${trip.local} ${trip.remote}`,
    `mirror --parallel=4 ${trip.remote} ${trip.back}`,
  ].join("; ");
}

/** One process for the whole tree; it keeps its four connections. */
function curlConfig(trip: TreeRoundTrip, direction: "upload" | "download"): string {
  const { host, port, user, password, mode, passive, local, remote, back } = trip;
  const scheme = mode === "implicit" ? "ftps" : "ftp";
  const files = readdirSync(local, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(local, join(entry.parentPath, entry.name)));
  const quoted = (text: string) => `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
  const escaped = (path: string) => path.split("/").map(encodeURIComponent).join("/");
  return [
    "silent",
    "show-error",
    "no-progress-meter",
    "parallel",
    "parallel-max = 4",
    "insecure",
    "no-ftp-skip-pasv-ip",
    `user = ${quoted(`${user}:${password}`)}`,
    ...(mode === "explicit" ? ["ssl-reqd"] : []),
    ...(passive === "PASV" ? ["disable-epsv"] : []),
    "ftp-create-dirs",
    "create-dirs",
    ...files.flatMap((file) => [
      `url = ${quoted(`${scheme}://${host}:${String(port)}/${remote}/${escaped(file)}`)}`,
      direction === "upload"
        ? `upload-file = ${quoted(join(local, file))}`
        : `output = ${quoted(join(back, file))}`,
    ]),
    "",
  ].join("\n");
}
