import { EventEmitter } from "node:events";
import { createServer, type ListenOptions } from "node:net";
import { beforeEach, expect, test, vi } from "vitest";
import { LISTEN_BACKLOG } from "#contract";
import { bindListener } from "../../../server/data/bound-server.ts";

vi.mock(import("node:net"), async (original) => ({ ...(await original()), createServer: vi.fn() }));

let asked: ListenOptions[];
let code: string;

/** A machine that has no `::`. */
beforeEach(() => {
  asked = [];
  vi.mocked(createServer).mockImplementation(() => {
    const server = new EventEmitter();
    const listen = (options: ListenOptions): void => {
      asked.push(options);
      const event = options.host === "::" ? "error" : "listening";
      process.nextTick(() => server.emit(event, Object.assign(new Error(code), { code })));
    };
    // What is not asked for is not there.
    return Object.assign(server, { listen }) as unknown as ReturnType<typeof createServer>;
  });
});

const bind = (ipv6Only: boolean) =>
  bindListener({ address: "::", ipv6Only, port: 50_000, pauseOnConnect: true });

test.each(["EAFNOSUPPORT", "EADDRNOTAVAIL"])("without IPv6 (%s) IPv4 is served", async (how) => {
  code = how;
  await bind(false);
  expect(asked.map(({ host, backlog }) => [host, backlog])).toEqual([
    ["::", LISTEN_BACKLOG],
    ["0.0.0.0", LISTEN_BACKLOG],
  ]);
});

test.each([
  ["EADDRINUSE", false],
  ["EAFNOSUPPORT", true],
])("%s of :: (only for IPv6: %s) is an error", async (how, ipv6Only) => {
  code = how;
  await expect(bind(ipv6Only)).rejects.toMatchObject({ code: how });
  expect(asked).toHaveLength(1);
});
