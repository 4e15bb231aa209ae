/** Starts the process that evaluates the program inside the lab, and listens to it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Properties } from "./cloud/values.ts";
import type { Step } from "./engine/evaluate.ts";
import { readProject } from "./engine/project.ts";
import type { Job, Message } from "./inside.ts";
import { LabError } from "./lab-error.ts";
import { programEnvironment } from "./programs.ts";

const ENTRY = fileURLToPath(new URL("inside.ts", import.meta.url));

export interface Evaluated {
  readonly outputs: Properties;
  /** How many resources the program has. */
  readonly steps: number;
  /** Lines that the program and its commands wrote, the probe's report among them. */
  readonly log: readonly string[];
}

export interface EvaluationRequest {
  readonly job: Job;
  /** Start of a command line that enters the place of the clients; empty: this place. */
  readonly enter: readonly string[];
  /** Besides this process's own; the commands of the program inherit it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Told what is being done. */
  readonly onProgress: (what: string) => void;
  /** Told of each resource, changed or not. */
  readonly onStep?: (step: Step) => void;
  readonly signal: AbortSignal;
}

/** @throws LabError with what the program or the probe said; the signal's reason when it aborts. */
export async function evaluateInside(request: EvaluationRequest): Promise<Evaluated> {
  const { job, enter, signal } = request;
  const [program = "", ...args] = [...enter, process.execPath, ENTRY];
  const child = spawn(program, args, {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { ...programEnvironment(), ...request.environment },
    // Where the Pulumi CLI starts programs as well.
    cwd: readProject(job.projectFolder).programFolder,
  });
  const onAbort = () => child.kill("SIGTERM");
  signal.addEventListener("abort", onAbort, { once: true });
  let steps = 0;
  let last: Message | undefined;
  child.on("message", (message: Message) => {
    last = message;
    if (message.kind === "delivered") request.onProgress("the probe is at work");
    if (message.kind !== "step") return;
    steps += 1;
    request.onStep?.(message.step);
    request.onProgress(`${String(steps)} resources, last ${message.step.name}`);
  });
  try {
    const closed = once(child, "close");
    await once(child, "spawn");
    child.send(job);
    await closed;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
  signal.throwIfAborted();
  if (last?.kind === "done") {
    const { outputs, log } = last.result;
    return { outputs, steps, log };
  }
  throw new LabError(
    last?.kind === "failed" ? last.message : "The process that evaluates the program ended early.",
  );
}
