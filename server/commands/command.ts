/** What a command is: its rules, which the gate checks, its argument, and what it does. */
import type { Right } from "#contract";
import { type Reply } from "../protocol/replies.ts";
import type { SessionFigures } from "../session/messages.ts";
import type { Outcome, TransferStatus } from "../session/outcomes.ts";
import type { Principal } from "../session/principal.ts";
import type { Pending, SessionState } from "../session/state.ts";
import type { ServerView } from "../session/view.ts";

/** What a command may look at. Commands see neither sockets nor the session itself. */
export interface CommandContext {
  readonly state: SessionState;
  readonly view: ServerView;
  /** Both without IPv4-mapping. */
  readonly peerAddress: string;
  readonly localAddress: string;
  /** Control port that the client connected to. */
  readonly localPort: number;
  readonly nowMs: number;
  /** What messages may say of the session. */
  readonly figures: SessionFigures;
  /** The running transfer; only commands that answer during one see it. */
  readonly transfer: TransferStatus | undefined;
  /** A signal that aborts when the session ends; made when first asked for. */
  readonly signal: () => AbortSignal;
}

export interface LoggedInContext extends CommandContext {
  readonly principal: Principal;
}

/** What the gate checks before the argument is read. */
export interface CommandRules {
  /** `required`: only after a login. */
  readonly login: "required" | "optional";
  /** May be used in the clear although the policy requires TLS on the control connection. */
  readonly inClear: boolean;
  /** Needed in addition to what storage allows; some commands ask for more when they open files. */
  readonly right: Right | undefined;
  /** Moves data: a data connection must have been prepared and its protection fit the policy. */
  readonly transfers: boolean;
  /** A data connection is prepared; refused after EPSV ALL, but for EPSV itself. */
  readonly preparesData: boolean;
  /** What the previous command must have left behind. */
  readonly needs: Exclude<Pending["kind"], "none"> | undefined;
  /** What this command leaves standing for the next one. */
  readonly keeps: readonly Pending["kind"][];
  /**
   * While a transfer runs: `wait` for its end, `answer` at once when there is no argument, or
   * `abort` it and then be answered in turn.
   */
  readonly duringTransfer: "wait" | "answer" | "abort";
}

export type Parsed<A> =
  { readonly ok: true; readonly value: A } | { readonly ok: false; readonly reply: Reply };

/** Reads an argument once, at the edge. */
export interface ArgumentKind<A> {
  /** Behind the verb in HELP: `<path>`, `[<path>]`. */
  readonly syntax: string;
  readonly parse: (argument: string | undefined, state: SessionState) => Parsed<A>;
}

/** A command with its argument read: ready to run. */
export interface PreparedCommand {
  readonly run: (context: CommandContext, principal: Principal | undefined) => RunResult;
}

type RunResult = Outcome | Promise<Outcome>;

export interface Command extends CommandRules {
  readonly verb: string;
  readonly syntax: string;
  /** Lines of FEAT that this command stands behind. */
  readonly features: (context: CommandContext) => readonly string[];
  readonly prepare: (argument: string | undefined, state: SessionState) => Parsed<PreparedCommand>;
}

type Options = Partial<Omit<CommandRules, "login">> & {
  readonly features?: Command["features"];
};

const DEFAULT_RULES: CommandRules = {
  login: "optional",
  inClear: false,
  right: undefined,
  transfers: false,
  preparesData: false,
  needs: undefined,
  keeps: [],
  duringTransfer: "wait",
};

const NO_FEATURES: Command["features"] = () => [];

/** A command that needs no login. */
export function anytime<A>(
  verb: string,
  argument: ArgumentKind<A>,
  options: Options,
  run: (context: CommandContext, argument: A) => RunResult,
): Command {
  return {
    ...DEFAULT_RULES,
    features: NO_FEATURES,
    ...options,
    verb,
    syntax: argument.syntax,
    prepare: (text, state) => {
      const parsed = argument.parse(text, state);
      if (!parsed.ok) return parsed;
      return { ok: true, value: { run: (context) => run(context, parsed.value) } };
    },
  };
}

/** A command of somebody who is logged in. */
export function loggedIn<A>(
  verb: string,
  argument: ArgumentKind<A>,
  options: Options,
  run: (context: LoggedInContext, argument: A) => RunResult,
): Command {
  return {
    ...DEFAULT_RULES,
    features: NO_FEATURES,
    ...options,
    login: "required",
    verb,
    syntax: argument.syntax,
    prepare: (text, state) => {
      const parsed = argument.parse(text, state);
      if (!parsed.ok) return parsed;
      return {
        ok: true,
        value: {
          run: (context, principal) => {
            if (principal === undefined) throw new Error(`${verb} passed the gate without a login`);
            return run({ ...context, principal }, parsed.value);
          },
        },
      };
    },
  };
}

/** The outcome that most commands have: one reply and, perhaps, a change of state. */
export function answer(reply: Reply, next?: Partial<SessionState>): Outcome {
  return next === undefined ? { kind: "reply", reply } : { kind: "reply", reply, next };
}
