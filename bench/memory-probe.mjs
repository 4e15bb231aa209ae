// Loaded into a server by `--import`: on SIGWINCH it collects garbage and prints what is left.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");
/** Finalizers run between two collections, and V8 keeps freed pages for a while. */
const FINALIZERS_MILLISECONDS = 500;
const PAGES_MILLISECONDS = 10_000;

process.on("SIGWINCH", () => {
  collect();
  setTimeout(collect, FINALIZERS_MILLISECONDS);
  setTimeout(() => {
    const { rss, heapUsed, external } = process.memoryUsage();
    process.stdout.write(`${JSON.stringify({ event: "memory", rss, heapUsed, external })}\n`);
  }, PAGES_MILLISECONDS);
});
