// @ts-check
// Runs on a machine of the lab, started by lab/live-status.ts: reads the server's status page every
// two seconds and prints it as one line; `null` when it does not answer. Ends with its parent.
import { setTimeout as sleep } from "node:timers/promises";

const EVERY_MILLISECONDS = 2000;
const [port] = process.argv.slice(2);

process.stdin.on("close", () => process.exit()).resume();

for (;;) {
  console.log(JSON.stringify(await read()));
  await sleep(EVERY_MILLISECONDS);
}

async function read() {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/status`, {
      signal: AbortSignal.timeout(EVERY_MILLISECONDS),
    });
    return response.ok ? await response.json() : null;
  } catch {
    return null; // not there (yet, or any more): the person is told so
  }
}
