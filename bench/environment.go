package main

// What a run needs around it: servers to start, files to serve, a network namespace.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

type script struct {
	name, path string
	port       int
}

func startServer(sc script) (*Server, error) {
	// Only one server runs at a time; ranges still differ so that no TIME_WAIT
	// entry of one server is in the way of the next.
	i := (sc.port - basePort) % 12
	return Start(sc.name, sc.path, sc.port, pasvBase+i*pasvCount, pasvBase+(i+1)*pasvCount-1)
}

const (
	basePort  = 2121
	pasvBase  = 33000
	pasvCount = 2500
)

// findServers returns the scripts whose "check" succeeds, in name order.
func findServers(dirs []string, wanted string) (out []script) {
	var names []string
	if wanted != "" {
		names = strings.Split(wanted, ",")
	}
	for _, d := range dirs {
		paths, _ := filepath.Glob(filepath.Join(d, "*.sh"))
		for _, p := range paths {
			name := strings.TrimSuffix(filepath.Base(p), ".sh")
			if strings.HasPrefix(name, "_") || (names != nil && !slices.Contains(names, name)) {
				continue
			}
			abs, _ := filepath.Abs(p)
			c := exec.Command(abs, "check")
			c.Env = append(cleanEnv(), "PEERS="+peersDir)
			if err := c.Run(); err != nil {
				fmt.Fprintf(os.Stderr, "%s: not installed, left out\n", name)
				continue
			}
			out = append(out, script{name, abs, basePort + len(out)})
		}
	}
	return out
}

func serverEnv(work string, port, pasvMin, pasvMax int) []string {
	return []string{
		"PEERS=" + peersDir, "WORK=" + work, "FTP_ROOT=" + rootDir,
		"FTP_USER=" + ftpUser, "FTP_PASS=" + ftpPass,
		"FTP_CERT=" + filepath.Join(workDir, "cert.pem"), "FTP_KEY=" + filepath.Join(workDir, "key.pem"),
		fmt.Sprintf("FTP_PORT=%d", port), fmt.Sprintf("FTP_PASV_MIN=%d", pasvMin), fmt.Sprintf("FTP_PASV_MAX=%d", pasvMax),
	}
}

// prepare creates the files to serve and a certificate, on tmpfs.
func prepare(p *Profile) error {
	if err := os.RemoveAll(baseDir); err != nil {
		return err
	}
	for _, d := range []string{"small", "big", "few", "up"} {
		if err := os.MkdirAll(filepath.Join(rootDir, d), 0o755); err != nil {
			return err
		}
	}
	if err := errors.Join(os.Chmod(filepath.Join(rootDir, "up"), 0o777), os.MkdirAll(workDir, 0o755)); err != nil {
		return err
	}
	block = make([]byte, 16<<20)
	rand.Read(block)
	for name, size := range map[string]int64{"bulk1.bin": p.Bulk1, "bulk8.bin": p.Bulk8, "warm.bin": warmSize} {
		f, err := os.Create(filepath.Join(rootDir, name))
		if err != nil {
			return err
		}
		for left := size; left > 0; left -= int64(len(block)) {
			if _, err := f.Write(block[:min(left, int64(len(block)))]); err != nil {
				return err
			}
		}
		f.Close()
	}
	write := func(dir, format string, n int, content []byte) error {
		for i := range n {
			if err := os.WriteFile(filepath.Join(rootDir, dir, fmt.Sprintf(format, i)), content, 0o644); err != nil {
				return err
			}
		}
		return nil
	}
	if err := errors.Join(write("small", "f%04d", 1000, block[:smallSize]), write("few", "file-%d", 10, nil),
		write("big", "entry-%06d.dat", p.DirEntries, nil), makeCert()); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		return filepath.Walk(rootDir, func(path string, _ os.FileInfo, err error) error {
			if err != nil {
				return err
			}
			return os.Chown(path, owner, owner)
		})
	}
	return nil
}

func makeCert() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(240 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return err
	}
	kb, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(workDir, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644),
		os.WriteFile(filepath.Join(workDir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: kb}), 0o600))
}

// reexecInNamespace runs this program again in a new network namespace: its ports,
// TIME_WAIT entries and TCP settings are separate from the rest of the machine.
func reexecInNamespace() int {
	c := exec.Command("/proc/self/exe", os.Args[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.Env = append(os.Environ(), "FTPBENCH_NETNS=1")
	runtime.LockOSThread()
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGTERM}
	if err := c.Run(); err != nil {
		var ee *exec.ExitError
		if errors.As(err, &ee) {
			return ee.ExitCode()
		}
		fmt.Fprintln(os.Stderr, "no network namespace:", err, "(try -netns=false)")
		return 1
	}
	return 0
}

// setupNamespace brings lo up and gives the namespace plain TCP settings: loss-based
// congestion control (BBR paces loopback traffic with timers) and a client port range
// that does not overlap the passive port ranges.
func setupNamespace() {
	if os.Getenv("FTPBENCH_NETNS") == "" {
		return
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	fatal(err)
	defer syscall.Close(fd)
	var ifr struct {
		name  [16]byte
		flags uint16
		_     [22]byte
	}
	copy(ifr.name[:], "lo")
	ifr.flags = syscall.IFF_UP | syscall.IFF_RUNNING
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&ifr))); e != 0 {
		fatal(e)
	}
	cc := "cubic"
	if os.WriteFile("/proc/sys/net/ipv4/tcp_congestion_control", []byte(cc), 0) != nil {
		os.WriteFile("/proc/sys/net/ipv4/tcp_congestion_control", []byte("reno"), 0)
	}
	os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("3000 32000"), 0)
	if c, err := net.Listen("tcp4", "127.0.0.1:0"); err != nil {
		fatal(err)
	} else {
		c.Close()
	}
}

// stopOnSignal ends the running server and removes the files when the run is interrupted.
func stopOnSignal() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-c
		stopping.Store(true)
		if s := running.Load(); s != nil {
			s.Stop()
		}
		os.RemoveAll(baseDir)
		os.Exit(130)
	}()
}

func raiseFileLimit() {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) == nil {
		l.Cur = l.Max
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
	}
}
