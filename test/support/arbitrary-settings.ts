/** Random valid settings of a stack. */
import fc from "fast-check";
import {
  CHANNELS,
  ContractError,
  formatCidr,
  formatRange,
  HIGHEST_PORT,
  LOWEST_UNPRIVILEGED_PORT,
  networkOf,
  parseSettings,
  WIDEST_PASSIVE_RANGE,
  type SettingsInput,
} from "#contract";

const port = fc.oneof(
  fc.integer({ min: 1, max: LOWEST_UNPRIVILEGED_PORT - 1 }),
  fc.integer({ min: 1, max: HIGHEST_PORT }),
);

const cidr = fc
  .tuple(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 0, max: 32 }))
  .map(([address, prefix]) => formatCidr({ base: networkOf(address, prefix), prefix }));

/** A range of `slices` slices, narrow ones more often than wide ones. */
const passive = fc
  .tuple(
    fc.integer({ min: 1, max: 8 }),
    fc.oneof(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: Math.floor(WIDEST_PASSIVE_RANGE / 8) }),
    ),
    fc.nat(),
  )
  .map(([slices, size, seed]) => {
    const count = slices * size;
    const first =
      LOWEST_UNPRIVILEGED_PORT + (seed % (HIGHEST_PORT - count + 2 - LOWEST_UNPRIVILEGED_PORT));
    return {
      passiveSlices: slices,
      passivePorts: formatRange({ first, last: first + count - 1 }),
    };
  });

/** A site with a port of its own, now and then. */
const bound = fc.option(fc.record({ channel: fc.constantFrom(...CHANNELS), port }), {
  nil: undefined,
});

/** Settings as they could stand in a stack file, of which the contract approves. */
export const arbitrarySettings: fc.Arbitrary<SettingsInput> = fc
  .record({
    passive,
    controlPort: port,
    implicitTlsPort: fc.oneof(fc.constant(0), port),
    healthProbePort: port,
    activeMode: fc.boolean(),
    idleTimeoutMinutes: fc.integer({ min: 4, max: 30 }),
    keepaliveSeconds: fc.integer({ min: 0, max: 239 }),
    clientCidrs: fc.array(cidr, { maxLength: 6 }),
    adminCidrs: fc.array(cidr, { maxLength: 3 }),
    sourceCidrs: fc.array(cidr, { maxLength: 3 }),
    bound,
  })
  .map(({ passive: range, sourceCidrs, bound: binding, ...rest }): SettingsInput => ({
    ...rest,
    ...(binding === undefined
      ? {}
      : { sites: [{ name: "default" }, { name: "own", bindings: [binding] }] }),
    ...range,
    probe: { sourceCidrs },
  }))
  .filter(isValid);

function isValid(input: SettingsInput): boolean {
  try {
    parseSettings(input);
    return true;
  } catch (error) {
    if (error instanceof ContractError) return false;
    throw error;
  }
}
