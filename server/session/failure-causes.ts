/**
 * Why something was refused or failed, as numbers that tools read: `sc-substatus` with the meanings
 * that IIS gives its FTP log (Microsoft's support article 969061), and `sc-win32-status`. What IIS
 * does not know has numbers from 100 on.
 */

/** One cause. */
export interface CauseEntry {
  readonly substatus: number;
  /** The Windows error that says the same. */
  readonly win32: number;
  /** For the reference page. */
  readonly meaning: string;
}

export const FAILURE_CAUSES = {
  authorizationRule: entry(1, 5, "An authorization rule, or the account's permissions, denied it."),
  fileSystemDenied: entry(2, 5, "The file system denied it."),
  notFound: entry(3, 2, "There is no such file or folder."),
  exists: entry(3, 183, "The name is taken."),
  notEmpty: entry(3, 145, "The folder is not empty."),
  notADirectory: entry(3, 267, "It is no folder."),
  isADirectory: entry(3, 5, "It is a folder."),
  noSpace: entry(3, 112, "The disk is full."),
  storageUnavailable: entry(3, 21, "The storage failed."),
  ipRestriction: entry(4, 5, "A rule of `ipRestrictions` denied the client's address."),
  mountPoint: entry(5, 5, "The root of a site or virtual directory cannot be changed."),
  hiddenSegment: entry(8, 2, "`requestFiltering.hiddenSegments` hides a part of the path."),
  deniedSequence: entry(
    9,
    5,
    "`requestFiltering.deniedUrlSequences` denies a sequence in the path.",
  ),
  highBitCharacter: entry(10, 5, "`requestFiltering.highBitCharacters` denies the path."),
  fileExtension: entry(11, 5, "`requestFiltering.fileExtensions` denies the extension."),
  pathTooLong: entry(12, 206, "The path is longer than `requestFiltering.maximumPathBytes`."),
  notARegularFile: entry(13, 5, "It is neither a file nor a folder."),
  controlTimeout: entry(14, 121, "The client sent no command for too long."),
  dataTimeout: entry(15, 121, "The data connection did not come, or was idle for too long."),
  loginTimeout: entry(16, 121, "The client did not log in in time."),
  connectionLimit: entry(19, 1226, "A limit of connections was reached."),
  aborted: entry(20, 1236, "The client ended it with ABOR, or left."),
  stopping: entry(21, 1115, "The server takes leave of its clients."),
  dataFailed: entry(22, 1236, "The server ended the transfer because of an error."),
  dataLost: entry(23, 64, "The client ended the data connection before the transfer was complete."),
  dataTlsRequired: entry(24, 5, "The policy requires TLS on data connections."),
  controlTlsRequired: entry(25, 5, "The policy requires TLS on the control connection."),
  credentialTlsRequired: entry(26, 5, "The policy requires TLS for credentials."),
  dataTlsDenied: entry(27, 5, "The policy denies TLS on data connections."),
  noCertificate: entry(31, 0, "The server has no certificate."),
  tlsFailed: entry(32, 0, "The TLS handshake failed."),
  home: entry(33, 3, "The account's home folder is missing or cannot be used."),
  authenticatorFailed: entry(34, 1359, "The authentication hook could not be asked."),
  credentials: entry(35, 1326, "Unknown user, wrong password, or not for this site."),
  otherHost: entry(37, 1214, "The host name belongs to no site, or to another one."),
  tooLarge: entry(39, 223, "The file is larger than uploads may be."),
  commandDenied: entry(51, 5, "`requestFiltering.commands` denies the command."),
  settingsChanged: entry(54, 5, "The account, or what let it in, was changed since the login."),
  sessionNotReused: entry(
    100,
    5,
    "The data connection did not resume the control connection's TLS session.",
  ),
  logonAttempts: entry(101, 1909, "The address has failed to log in too often."),
  quota: entry(102, 1295, "The storage that the account may use is full."),
  busy: entry(103, 32, "Somebody else writes the file."),
  name: entry(104, 123, "The name cannot be used."),
  range: entry(105, 87, "The restart offset or range does not fit the file or what was sent."),
  damagedData: entry(106, 13, "The compressed data is damaged."),
  plaintextInjection: entry(107, 13, "Something followed AUTH in the clear."),
  internal: entry(108, 1359, "A fault of the server; see the structured log."),
} as const satisfies Record<string, CauseEntry>;

export type FailureCause = keyof typeof FAILURE_CAUSES;

function entry(substatus: number, win32: number, meaning: string): CauseEntry {
  return { substatus, win32, meaning };
}
