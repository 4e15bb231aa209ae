/**
 * Logs in again and again until it is told to stop, then prints what it saw as one line of JSON.
 * Runs where clients are. Its environment holds FTP_HOST, FTP_PORT, FTP_USER and FTP_PASSWORD.
 */
import { Client } from "basic-ftp";

const { FTP_HOST, FTP_PORT, FTP_USER, FTP_PASSWORD } = process.env;
const AT_ONCE = 3;
const PATIENCE_MILLISECONDS = 20_000;

const failures = [];
let logins = 0;
let stopped = false;
process.on("SIGTERM", () => (stopped = true));

async function logInAndOut() {
  const client = new Client(PATIENCE_MILLISECONDS);
  try {
    await client.access({
      host: FTP_HOST,
      port: Number(FTP_PORT),
      user: FTP_USER,
      password: FTP_PASSWORD,
      secure: true,
      secureOptions: { rejectUnauthorized: false },
    });
    await client.list();
    await client.send("QUIT");
    logins += 1;
  } catch (error) {
    failures.push(`${new Date().toISOString()} ${String(error)}`);
  } finally {
    client.close();
  }
}

async function loop() {
  while (!stopped) await logInAndOut();
}

process.stdout.write("ready\n");
await Promise.all(Array.from({ length: AT_ONCE }, loop));
process.stdout.write(`${JSON.stringify({ logins, failures })}\n`);
