// Entry of the component package. Pulumi's launcher registers a TypeScript compiler of its own for
// every module of its process; ours are run by Node as they are, in a process beside it.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const OLDEST_MAJOR = 24;
const pathOf = (/** @type {string} */ relative) =>
  fileURLToPath(new URL(relative, import.meta.url));
const isNewEnough = Number(process.versions.node.split(".")[0]) >= OLDEST_MAJOR;
const node = isNewEnough ? process.execPath : pathOf("../node_modules/.bin/node");

const child = spawn(node, [pathOf("../infra/package/serve.ts"), ...process.argv.slice(2)], {
  // The fourth channel only tells the child when this process is gone.
  stdio: ["inherit", "inherit", "inherit", "ipc"],
});
child.on("error", (error) => {
  console.error(`gangway cannot start ${node}: ${error.message}. Run npm ci in its folder.`);
  process.exitCode = 1;
});
child.on("exit", (code) => process.exit(code ?? 1));
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
  process.on(signal, () => child.kill(signal));
}
