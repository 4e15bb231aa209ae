/** Entry of the process that runs the Pulumi CLI where the lab's clients are. */
import { runPulumi } from "./engine/cli.ts";
import type { InsidePulumi } from "./pulumi.ts";

const { args, lab } = JSON.parse(process.argv[2] ?? "{}") as InsidePulumi;
const { exitCode } = await runPulumi(args, lab);
process.exitCode = exitCode;
