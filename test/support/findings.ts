/** What the contract finds wrong with settings. */
import { ContractError, parseSettings, type Finding } from "#contract";

/** Empty when nothing is. */
export function findingsOf(declared: unknown): readonly Finding[] {
  try {
    parseSettings(declared);
    return [];
  } catch (error) {
    if (error instanceof ContractError) return error.findings;
    throw error;
  }
}
