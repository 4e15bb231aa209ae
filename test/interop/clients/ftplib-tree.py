"""Moves a tree with Python's ftplib: HOST PORT USER PASSWORD MODE PASSIVE LOCAL REMOTE BACK.

MODE is plain, explicit or implicit; PASSIVE is EPSV or PASV. Uploads LOCAL to REMOTE, then downloads
REMOTE to BACK, finding its way by MLSD.
"""
import ftplib
import os
import ssl
import sys

host, port, user, password, mode, passive, local, remote, back = sys.argv[1:]


class Passive:
    """The advertised address is really used: ftplib would otherwise ignore the one in 227."""

    trust_server_pasv_ipv4_address = True

    def makepasv(self):
        if passive == "EPSV":
            return ftplib.parse229(self.sendcmd("EPSV"), self.sock.getpeername())
        return super().makepasv()


class Plain(Passive, ftplib.FTP):
    pass


class Explicit(Passive, ftplib.FTP_TLS):
    pass


class Implicit(Explicit):
    """ftplib knows no implicit TLS: the connection is wrapped before the greeting is read."""

    def connect(self, *args, **kwargs):
        self._wrap_now = True
        return super().connect(*args, **kwargs)

    def getresp(self):
        if self._wrap_now:
            self._wrap_now = False
            self.file.close()
            self.sock = self.context.wrap_socket(self.sock)
            self.file = self.sock.makefile("r", encoding=self.encoding)
        return super().getresp()


context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
ftp = Plain() if mode == "plain" else {"explicit": Explicit, "implicit": Implicit}[mode](context=context)
ftp.connect(host, int(port), timeout=30)
if mode == "explicit":
    ftp.auth()
ftp.login(user, password)
if mode != "plain":
    ftp.prot_p()

ftp.mkd(remote)
for folder, folders, files in os.walk(local):
    there = os.path.join(remote, os.path.relpath(folder, local))
    for name in folders:
        ftp.mkd(os.path.join(there, name))
    for name in files:
        with open(os.path.join(folder, name), "rb") as file:
            ftp.storbinary(f"STOR {os.path.join(there, name)}", file)


def fetch(there, here):
    os.makedirs(here)
    for name, facts in list(ftp.mlsd(there)):
        if facts["type"] == "dir":
            fetch(f"{there}/{name}", os.path.join(here, name))
        elif facts["type"] == "file":
            with open(os.path.join(here, name), "wb") as file:
                ftp.retrbinary(f"RETR {there}/{name}", file.write)


fetch(remote, back)
ftp.quit()
