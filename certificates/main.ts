/**
 * Entry of the certificate agent, which a systemd timer, a delivery or a person starts. Exits with
 * 0 when every certificate has a usable file, 1 when one has none, 2 when it cannot work at all.
 */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { certificateAgentSchema, ContractError, MACHINE_LAYOUT, parseWith } from "#contract";
import { runAgent } from "./agent.ts";
import { reasonOf } from "./errors.ts";
import { openLog } from "./log.ts";
import { PATIENCE, type Patience } from "./patience.ts";

const USAGE = `Usage: certificates.mjs --settings FILE [--folder FOLDER] [--state FOLDER] [--now] [--patience SECONDS]

  --settings FILE      what certificates there are to be (${MACHINE_LAYOUT.certificateAgentFile})
  --folder FOLDER      where the server reads them; certificates, beside the settings
  --state FOLDER       where failures are remembered; ${MACHINE_LAYOUT.certificateStateFolder}
  --now                try at once what failed before, unless the authority has asked to wait
  --patience SECONDS   how long to go on asking Azure, name servers and authority; 300
`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  const read = readArguments(args);
  if (read === undefined) return 2;
  const { settings: file, folder, state, now, patience } = read;
  const log = openLog((line) => process.stdout.write(line), "JOURNAL_STREAM" in process.env);
  try {
    const settings = parseWith(certificateAgentSchema, JSON.parse(await readFile(file, "utf8")));
    const complete = await runAgent({
      settings,
      folder: folder ?? join(dirname(file), MACHINE_LAYOUT.certificatesFolder),
      stateFolder: state,
      immediate: now,
      patience,
      log,
      now: Date.now,
    });
    return complete ? 0 : 1;
  } catch (error) {
    const expected = error instanceof ContractError || error instanceof SyntaxError;
    const known = expected || (error instanceof Error && "code" in error);
    process.stderr.write(`${file}: ${known ? reasonOf(error) : describeBug(error)}\n`);
    return 2;
  }
}

function describeBug(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function readArguments(args: string[]) {
  try {
    const { values } = parseArgs({
      args,
      options: {
        settings: { type: "string" },
        folder: { type: "string" },
        state: { type: "string", default: MACHINE_LAYOUT.certificateStateFolder },
        now: { type: "boolean", default: false },
        patience: { type: "string" },
      },
    });
    const { settings, patience } = values;
    if (settings === undefined) throw new Error("--settings is missing");
    return { ...values, settings, patience: readPatience(patience) };
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\n${USAGE}`);
    return undefined;
  }
}

function readPatience(seconds: string | undefined): Patience {
  if (seconds === undefined) return PATIENCE;
  const milliseconds = Number(seconds) * 1000;
  if (!(milliseconds > 0)) throw new Error(`--patience: ${seconds} is not a number of seconds`);
  return {
    azureMs: milliseconds,
    propagationMs: milliseconds,
    authorityMs: milliseconds,
    firstPauseMs: Math.min(PATIENCE.firstPauseMs, milliseconds / 10),
    longestPauseMs: PATIENCE.longestPauseMs,
  };
}
