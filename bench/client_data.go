package main

// Data connections of the client.
import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// data is one data connection: the TCP connection and, with PROT P, TLS over it.
type data struct {
	tcp *net.TCPConn
	out *batchWriter
	tls *tls.Conn
}

// batchWriter joins the records that crypto/tls writes one by one into larger writes.
type batchWriter struct {
	*net.TCPConn
	buf []byte
	on  bool
}

func (b *batchWriter) Write(p []byte) (int, error) {
	if !b.on {
		return b.TCPConn.Write(p)
	}
	b.buf = append(b.buf, p...)
	if len(b.buf) >= 256<<10 {
		return len(p), b.flush()
	}
	return len(p), nil
}

func (b *batchWriter) flush() error {
	_, err := b.TCPConn.Write(b.buf)
	b.buf = b.buf[:0]
	return err
}

// open issues PASV and the transfer command and sets up the data connection.
// The TLS handshake starts before the preliminary reply is read, because some
// servers send that reply only after the handshake.
func (s *Session) open(command string) (*data, error) {
	text, err := s.Cmd(2, "PASV")
	if err != nil {
		return nil, err
	}
	port, err := pasvPort(text)
	if err != nil {
		return nil, err
	}
	c, err := net.DialTCP("tcp4", nil, &net.TCPAddr{IP: s.addr.IP, Port: port})
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(ioTimeout))
	d := &data{tcp: c}
	if err := s.send(command); err != nil {
		c.Close()
		return nil, err
	}
	if s.tls != nil {
		d.out = &batchWriter{TCPConn: c}
		d.tls = tls.Client(d.out, s.tls)
		if err := d.tls.Handshake(); err != nil {
			c.Close()
			return nil, fmt.Errorf("%s: data handshake: %w", command, err)
		}
		s.DataResumed = d.tls.ConnectionState().DidResume
	}
	if _, err := s.expect(1); err != nil {
		c.Close()
		return nil, fmt.Errorf("%s: %w", command, err)
	}
	return d, nil
}

func pasvPort(text string) (int, error) {
	i, j := strings.IndexByte(text, '('), strings.IndexByte(text, ')')
	if i < 0 || j < i {
		return 0, fmt.Errorf("bad PASV reply %q", text)
	}
	f := strings.Split(text[i+1:j], ",")
	if len(f) != 6 {
		return 0, fmt.Errorf("bad PASV reply %q", text)
	}
	hi, _ := strconv.Atoi(f[4])
	lo, _ := strconv.Atoi(f[5])
	return hi<<8 | lo, nil
}

func (d *data) stream() io.ReadWriter {
	if d.tls != nil {
		return d.tls
	}
	return d.tcp
}

// finishWrite ends an upload without closing the socket: closing it with unread
// TLS session tickets in the receive buffer would send a reset.
func (d *data) finishWrite() error {
	if d.tls != nil {
		if err := d.tls.CloseWrite(); err != nil {
			return err
		}
		d.tcp.SetDeadline(time.Now().Add(ioTimeout)) // CloseWrite leaves an expired one
		if err := d.out.flush(); err != nil {
			return err
		}
	}
	return d.tcp.CloseWrite()
}

// Fetch runs RETR, LIST or MLSD and returns the number of payload bytes read.
// The payload goes to w when w is not nil.
func (s *Session) Fetch(command string, w io.Writer) (int64, error) {
	d, err := s.open(command)
	if err != nil {
		return 0, err
	}
	defer d.tcp.Close()
	var n int64
	buf := make([]byte, 32<<10)
	for {
		k, err := d.stream().Read(buf)
		if w != nil {
			w.Write(buf[:k])
		}
		n += int64(k)
		if err == io.EOF {
			break
		}
		if err != nil {
			return n, err
		}
	}
	return n, s.finishRead(d)
}

// finishRead ends a download in good order and takes the reply.
func (s *Session) finishRead(d *data) error {
	if d.tls != nil {
		d.tls.CloseWrite()
	}
	d.tcp.Close()
	_, err := s.expect(2)
	return err
}

// Store uploads the bytes of r.
func (s *Session) Store(name string, r []byte) error {
	d, err := s.open("STOR " + name)
	if err != nil {
		return err
	}
	defer d.tcp.Close()
	if _, err := io.Copy(d.stream(), bytes.NewReader(r)); err != nil {
		return err
	}
	if err := d.finishWrite(); err != nil {
		return err
	}
	_, err = s.expect(2)
	return err
}

// BulkFetch downloads name and discards the bytes in the kernel. count is called
// with the number of wire bytes of each read and ends the transfer by returning false.
//
// With TLS the server's close_notify is never seen, and some servers keep the
// connection open until they receive the client's. So once all records of a file of
// this size must have arrived, a pause in the data counts as the end.
func (s *Session) BulkFetch(name string, size int64, count func(int64) bool) (int64, error) {
	d, err := s.open("RETR " + name)
	if err != nil {
		return 0, err
	}
	defer d.tcp.Close()
	end := int64(0)
	if d.tls != nil {
		end = size + (size+16383)/16384*21
	}
	n, stopped, err := discard(d.tcp, end, count)
	if stopped || err != nil {
		return n, err
	}
	return n, s.finishRead(d)
}

var scratch [8 << 20]byte // never touched: MSG_TRUNC discards

func discard(c *net.TCPConn, end int64, count func(int64) bool) (total int64, stopped bool, err error) {
	rc, err := c.SyscallConn()
	if err != nil {
		return 0, false, err
	}
	for {
		var n int
		var errno syscall.Errno
		err := rc.Read(func(fd uintptr) bool {
			r, _, e := syscall.Syscall6(syscall.SYS_RECVFROM, fd,
				uintptr(unsafe.Pointer(&scratch[0])), uintptr(len(scratch)), msgTrunc, 0, 0)
			n, errno = int(r), e
			return e != syscall.EAGAIN
		})
		if err != nil {
			if end > 0 && total >= end && errors.Is(err, os.ErrDeadlineExceeded) {
				err = nil
			}
			return total, false, err
		}
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 {
			return total, false, errno
		}
		if n == 0 {
			return total, false, nil
		}
		total += int64(n)
		if !count(int64(n)) {
			return total, true, nil
		}
		if end > 0 && total >= end {
			c.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
		}
	}
}

// BulkStore uploads size bytes: sendfile from src for plain connections,
// encryption of the in-memory block for TLS.
func (s *Session) BulkStore(name string, src *os.File, block []byte, size int64, count func(int64) bool) error {
	d, err := s.open("STOR " + name)
	if err != nil {
		return err
	}
	defer d.tcp.Close()
	if d.tls == nil {
		if err := sendfile(d.tcp, src, size, count); err != nil {
			return err
		}
	} else {
		d.out.on = true
		for left := size; left > 0; {
			n := min(left, int64(len(block)))
			if _, err := d.tls.Write(block[:n]); err != nil {
				return err
			}
			left -= n
			if !count(n) {
				return nil
			}
		}
	}
	if err := d.finishWrite(); err != nil {
		return err
	}
	_, err = s.expect(2)
	return err
}

func sendfile(c *net.TCPConn, src *os.File, size int64, count func(int64) bool) error {
	rc, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var off int64
	for off < size {
		var n int
		var serr error
		err := rc.Write(func(fd uintptr) bool {
			n, serr = syscall.Sendfile(int(fd), int(src.Fd()), &off, int(min(size-off, 1<<20)))
			return !errors.Is(serr, syscall.EAGAIN)
		})
		if err == nil {
			err = serr
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrUnexpectedEOF
		}
		if !count(int64(n)) {
			return nil
		}
	}
	return nil
}
