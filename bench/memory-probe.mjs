// Loaded into a server by `--import`: on SIGWINCH it collects garbage and prints what is left.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");
process.on("SIGWINCH", () => {
  collect();
  // Finalizers run between the two.
  setTimeout(() => {
    collect();
    const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
    const figures = { rss, heapUsed, external, arrayBuffers };
    process.stdout.write(`${JSON.stringify({ event: "memory", ...figures })}\n`);
  }, 500);
});
