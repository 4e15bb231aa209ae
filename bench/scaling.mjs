// Whether cost per unit stays flat while the work grows: accounts and rules, sessions, transfers,
// directory entries, passive ports, and what a process has done before. Prints tables as Markdown.
// Measures server CPU and memory only, which other load on the machine changes little. After
// `npm run bench` (which unpacks the bundle):
//   node_modules/.bin/node bench/scaling.mjs [accounts|sessions|transfers|entries|ports|warmth …]
import fs from "node:fs";
import path from "node:path";
import { Client, each, PASSIVE_FIRST, passwordHash, serve } from "./driven-server.mjs";

const show = (value) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

function print(title, head, rows) {
  console.log(`\n**${title}**\n\n| ${head.join(" | ")} |\n|${" ---: |".repeat(head.length)}`);
  for (const row of rows) {
    const [units, ...figures] = row;
    console.log(`| ${units.toLocaleString("en")} | ${figures.map(show).join(" | ")} |`);
  }
}

async function accounts() {
  const rows = [];
  for (const count of [10, 100, 1000, 10_000]) {
    const names = Array.from({ length: count }, (_, index) => `account${index}`);
    const authorization = names.map((name) => ({
      effect: "allow",
      users: [name],
      permissions: ["read", "write"],
      path: `/${name}`,
    }));
    authorization.push({ effect: "allow", users: ["*"], permissions: ["read"], path: "/" });
    const rules = names.map((_, index) => ({
      effect: "allow",
      address: `10.${index >> 8}.${index & 255}.0/24`,
      path: "/",
    }));
    await using server = await serve({
      accounts: names.map((name) => ({ name, passwordHash })),
      sites: [{ name: "default", authorization, ipRestrictions: { rules } }],
    });
    const pssKib = server.pssKib();
    const session = async (index) => {
      const client = await Client.login(server.controlPort, names[(index * 7919) % count]);
      await client.fetch("LIST");
      client.close();
    };
    await each(200, 8, session);
    const before = server.cpuMs();
    await each(500, 8, session);
    const perSession = (server.cpuMs() - before) / 500;
    rows.push([count, server.startMs, pssKib / 1024, perSession]);
  }
  print(
    "Accounts, as many authorization rules, as many address rules",
    ["accounts", "start, ms", "memory, MiB", "login + LIST, ms CPU"],
    rows,
  );
}

async function sessions() {
  const rows = [];
  for (const count of [10, 100, 1000, 5000]) {
    await using server = await serve({ limits: { connections: 6000 } });
    await each(50, 8, async () => (await Client.login(server.controlPort)).close());
    await new Promise((resolve) => setTimeout(resolve, 500));
    const [pssKib, cpuMs] = [server.pssKib(), server.cpuMs()];
    const clients = [];
    await each(count, 16, async () => clients.push(await Client.login(server.controlPort)));
    const perLogin = (server.cpuMs() - cpuMs) / count;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const perSession = (server.pssKib() - pssKib) / count;
    const noops = server.cpuMs();
    const lanes = Math.min(count, 16);
    const depth = Math.floor(count / lanes);
    await each(2000, lanes, (index, lane) =>
      clients[lane + lanes * (index % depth)].command("NOOP"),
    );
    rows.push([count, perSession, perLogin, ((server.cpuMs() - noops) / 2000) * 1000]);
    for (const client of clients) client.close();
  }
  print(
    "Sessions that are open",
    ["sessions", "memory each, KiB", "login, ms CPU", "NOOP, µs CPU"],
    rows,
  );
}

async function transfers() {
  const totalBytes = 2 ** 31;
  const rows = [];
  for (const count of [1, 4, 16, 64]) {
    await using server = await serve({}, (folder) => {
      fs.writeFileSync(path.join(folder, "file"), Buffer.alloc(totalBytes / 64, 1));
    });
    const clients = await Promise.all(
      Array.from({ length: count }, () => Client.login(server.controlPort)),
    );
    await clients[0].fetch("RETR file");
    const before = server.cpuMs();
    await each(64, count, (_, lane) => clients[lane].fetch("RETR file"));
    rows.push([count, (server.cpuMs() - before) / 1000 / (totalBytes / 1e9)]);
    for (const client of clients) client.close();
  }
  print("Downloads at the same time", ["transfers", "s CPU/GB"], rows);
}

async function entries() {
  const rows = [];
  for (const count of [1000, 10_000, 100_000]) {
    await using server = await serve({}, (folder) => {
      fs.mkdirSync(path.join(folder, "big"));
      for (let index = 0; index < count; index++) {
        fs.writeFileSync(path.join(folder, "big", `entry-${index}.dat`), "");
      }
    });
    const client = await Client.login(server.controlPort);
    await client.fetch("LIST");
    const baseKib = server.peakKib();
    const repeats = Math.max(1, 100_000 / count);
    const perEntry = [];
    for (const command of ["LIST", "MLSD"]) {
      const before = server.cpuMs();
      for (let repeat = 0; repeat < repeats; repeat++) await client.fetch(`${command} big`);
      perEntry.push(((server.cpuMs() - before) / repeats / count) * 1000);
    }
    rows.push([count, ...perEntry, (server.peakKib() - baseKib) / 1024]);
    client.close();
  }
  print(
    "Entries of one directory",
    ["entries", "LIST, µs CPU/entry", "MLSD, µs CPU/entry", "peak above base, MiB"],
    rows,
  );
}

async function ports() {
  const rows = [];
  for (const count of [10, 100, 1000, 10_000]) {
    const range = `${PASSIVE_FIRST}-${PASSIVE_FIRST + count - 1}`;
    await using server = await serve(
      { passive: { ports: range, advertisedAddress: "127.0.0.1" } },
      (folder) => fs.writeFileSync(path.join(folder, "file"), Buffer.alloc(4096, 1)),
    );
    const clients = await Promise.all([1, 2, 3, 4].map(() => Client.login(server.controlPort)));
    await each(200, 4, (_, lane) => clients[lane].fetch("RETR file"));
    const pssKib = server.pssKib();
    const before = server.cpuMs();
    await each(600, 4, (_, lane) => clients[lane].fetch("RETR file"));
    rows.push([count, server.startMs, pssKib / 1024, (server.cpuMs() - before) / 600]);
    for (const client of clients) client.close();
  }
  print(
    "Ports of the passive range",
    ["ports", "start, ms", "memory, MiB", "RETR of 4 KiB, ms CPU"],
    rows,
  );
}

async function warmth() {
  const windowFiles = 2000;
  const rows = [];
  await using server = await serve({}, (folder) => {
    fs.writeFileSync(path.join(folder, "file"), Buffer.alloc(4096, 1));
  });
  const clients = await Promise.all(
    Array.from({ length: 8 }, () => Client.login(server.controlPort)),
  );
  for (let files = windowFiles; files <= 24_000; files += windowFiles) {
    const before = server.cpuMs();
    await each(windowFiles, 8, (_, lane) => clients[lane].fetch("RETR file"));
    rows.push([files, (server.cpuMs() - before) / windowFiles]);
  }
  for (const client of clients) client.close();
  print("Files that a process has sent", ["files so far", "RETR of 4 KiB, ms CPU"], rows);
}

const ALL = { accounts, sessions, transfers, entries, ports, warmth };
const wanted = process.argv.slice(2);
for (const [name, measure] of Object.entries(ALL)) {
  if (wanted.length === 0 || wanted.includes(name)) await measure();
}
