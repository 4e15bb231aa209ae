// Settings of a server under measurement. The password's hash is as cheap as scrypt gets, because
// the peers compare theirs for next to nothing: logins measure the server.
import fs from "node:fs";
import crypto from "node:crypto";

const { FTP_PORT, FTP_ROOT, FTP_USER, FTP_PASS, FTP_CERT, FTP_KEY, FTP_PASV_MIN, FTP_PASV_MAX } =
  process.env;

const workers = Number(process.argv[3]);
const base64 = (bytes) => bytes.toString("base64").replace(/=+$/, "");
const salt = crypto.randomBytes(16);
const hash = crypto.scryptSync(FTP_PASS, salt, 32, { N: 2, r: 1, p: 1 });

fs.writeFileSync(
  process.argv[2],
  JSON.stringify({
    listen: { controlPort: Number(FTP_PORT) },
    passive: { ports: `${FTP_PASV_MIN}-${FTP_PASV_MAX}`, advertisedAddress: "127.0.0.1" },
    tls: {
      controlPolicy: "allow",
      dataPolicy: "allow",
      certificateFile: FTP_CERT,
      keyFile: FTP_KEY,
    },
    dataFolder: FTP_ROOT,
    // Older commits do not know the setting.
    ...(workers === 1 ? {} : { workers }),
    accounts: [
      { name: FTP_USER, passwordHash: `$scrypt$ln=1,r=1,p=1$${base64(salt)}$${base64(hash)}` },
    ],
  }),
);
