/** Names of clients from the system's DNS servers. */
import { Resolver } from "node:dns/promises";
import type { HostNameResolver } from "./client-names.ts";

/** Asks the servers that the machine is set up with; every question is given up with its signal. */
export const DNS_RESOLVER: HostNameResolver = {
  reverse: (address, signal) => ask(signal, (resolver) => resolver.reverse(address)),
  forward: (name, signal) =>
    ask(signal, async (resolver) => {
      const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
      return answers.flatMap((each) => (each.status === "fulfilled" ? each.value : []));
    }),
};

async function ask<T>(
  signal: AbortSignal,
  question: (resolver: Resolver) => Promise<T>,
): Promise<T> {
  const resolver = new Resolver();
  const cancel = (): void => resolver.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    return await question(resolver);
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}
