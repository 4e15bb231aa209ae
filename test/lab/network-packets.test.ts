/** Real packets through the rendered rules: what the pure tests claim, the kernel has to do. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Value } from "../../lab/cloud/values.ts";
import { enterPlace, openMachine } from "../../lab/network/namespaces.ts";
import { networkEffects } from "../../lab/network/network-effects.ts";
import { renderEdgeRules } from "../../lab/network/rules.ts";
import { readTopology } from "../../lab/network/topology.ts";
import { mustRun } from "../../lab/programs.ts";
import {
  describeNetwork,
  openLabNetwork,
  runInPlace,
  type PlacedProgram,
} from "../support/network-level.ts";
import { cloudWithMachine, PRIVATE_ADDRESS, PUBLIC_ADDRESS, rule } from "./network-fixture.ts";

/** An echo server on several ports; says who called. */
const ECHO = `
import { createServer } from "node:net";
const ports = [21, 22, 4000, 50000, 50001];
let open = 0;
for (const port of ports) createServer((socket) => {
  console.log(port + " from " + socket.remoteAddress.replace("::ffff:", ""));
  socket.on("error", (error) => console.log("error " + error.code));
  socket.pipe(socket);
}).listen(port, () => { if (++open === ports.length) console.log("ready"); });
`;

/** Obeys lines: "open PORT", "send TEXT"; each answers with one line. */
const CALLER = `
import { connect } from "node:net";
import { createInterface } from "node:readline";
let socket;
for await (const line of createInterface({ input: process.stdin })) {
  const [verb, word] = line.split(" ");
  if (verb === "open") {
    socket?.destroy();
    socket = connect({ host: "${PUBLIC_ADDRESS}", port: Number(word) });
    socket.on("error", () => undefined);
    const silence = setTimeout(() => socket.destroy(Object.assign(new Error(), { code: "silence" })), 700);
    console.log(await new Promise((resolve) => {
      socket.once("connect", () => resolve("connected"));
      socket.once("error", (error) => resolve(error.code));
    }));
    clearTimeout(silence);
  } else {
    socket.write(word);
    console.log(await Promise.race([
      new Promise((resolve) => socket.once("data", (data) => resolve("echo " + data))),
      new Promise((resolve) => socket.once("error", (error) => resolve(error.code))),
      new Promise((resolve) => setTimeout(resolve, 700, "silence")),
    ]));
  }
}
`;

/** Azure's shortest timeout of 4 minutes becomes 2 seconds. */
const SCALE = 2 / 240;
const IDLE_MILLISECONDS = 2000;

const control = rule("Control", 100, { destinationPortRange: "21" });
const passive = rule("Passive", 110, { destinationPortRange: "50000-50099" });

describeNetwork("packets at the edge", () => {
  let lab: Awaited<ReturnType<typeof openLabNetwork>>;
  let echo: PlacedProgram;
  let caller: PlacedProgram;
  const ask = (line: string) => {
    caller.tell(line);
    return caller.next();
  };

  /** Puts rules in force as a change of the resources does. */
  const declare = (subnetRules: readonly Value[], nicRules: readonly Value[]) =>
    networkEffects(lab.folder, { idleTimeoutScale: SCALE }).networkChanged(
      cloudWithMachine({ subnetRules, nicRules }),
    );

  beforeAll(async () => {
    lab = await openLabNetwork();
    await openMachine(lab.folder, "vm", PRIVATE_ADDRESS, PUBLIC_ADDRESS);
    echo = runInPlace(lab.folder, { kind: "machine", name: "vm" }, ECHO);
    caller = runInPlace(lab.folder, { kind: "client" }, CALLER);
    expect(await echo.next()).toBe("ready");
  });

  afterAll(async () => {
    await caller[Symbol.asyncDispose]();
    await echo[Symbol.asyncDispose]();
    await lab[Symbol.asyncDispose]();
  });

  it("pass to a port that both groups open, with the client's own address", async () => {
    await declare([control], [control]);
    expect(await ask("open 21")).toBe("connected");
    expect(await echo.next()).toBe("21 from 198.51.100.10");
    expect(await ask("send hello")).toBe("echo hello");
  });

  it("vanish without an answer where one group does not open the port", async () => {
    await declare([control, passive], [control]);
    expect(await ask("open 50000")).toBe("silence");
    await declare([control], [control, passive]);
    expect(await ask("open 50000")).toBe("silence");
    expect(await ask("open 22")).toBe("silence");
  });

  it("meet a changed rule at once, while an old flow lives on", async () => {
    await declare([control, passive], [control, passive]);
    expect(await ask("open 50001")).toBe("connected");
    expect(await echo.next()).toBe("50001 from 198.51.100.10");
    await declare([control], [control, passive]);
    expect(await ask("send still")).toBe("echo still");
    expect(await ask("open 50001")).toBe("silence");
  });

  it("leave the machine with its public address, unless an outbound rule denies", async () => {
    const dial = `
      import { connect } from "node:net";
      const socket = connect({ host: "198.51.100.10", port: 4000 });
      setTimeout(() => { console.log("silence"); process.exit(); }, 700);
      socket.on("connect", () => { console.log("connected"); process.exit(); });`;
    const fromMachine = async () => {
      await using program = runInPlace(lab.folder, { kind: "machine", name: "vm" }, dial);
      return await program.next();
    };
    await using listener = runInPlace(lab.folder, { kind: "client" }, ECHO);
    expect(await listener.next()).toBe("ready");
    await declare([control], [control]);
    expect(await fromMachine()).toBe("connected");
    expect(await listener.next()).toBe(`4000 from ${PUBLIC_ADDRESS}`);
    const deny = rule("Deny", 100, { direction: "Outbound", access: "Deny" });
    await declare([control], [control, deny]);
    expect(await fromMachine()).toBe("silence");
  });

  it("keep a flow for less than the idle timeout and lose it silently after more", async () => {
    await declare([control], [control]);
    expect(await ask("open 21")).toBe("connected");
    expect(await echo.next()).toBe("21 from 198.51.100.10");
    await sleep(IDLE_MILLISECONDS / 2);
    expect(await ask("send early")).toBe("echo early");
    await sleep(IDLE_MILLISECONDS + 1000);
    expect(await ask("send late")).toBe("silence");
  });

  it("are answered with a reset after the idle timeout where the resource says so", async () => {
    const cloud = cloudWithMachine({ subnetRules: [control], nicRules: [control] });
    const machines = readTopology(cloud).map((machine) => ({
      ...machine,
      afterIdleTimeout: "reset" as const,
    }));
    const edge = enterPlace(lab.folder, { kind: "edge" });
    await mustRun(
      [...edge, "nft", "-f", "-"],
      renderEdgeRules(machines, { idleTimeoutScale: SCALE }),
    );
    expect(await ask("open 21")).toBe("connected");
    expect(await echo.next()).toBe("21 from 198.51.100.10");
    await sleep(IDLE_MILLISECONDS + 1000);
    expect(await ask("send late")).toBe("ECONNRESET");
  });
});
