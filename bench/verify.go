package main

// What a server must do right before anything is timed.

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
)

// verify transfers a file in both directions, plain and TLS, and compares every
// byte. It is not timed. It returns a description of the TLS in use.
func verify(s *Server) (string, error) {
	want, err := os.ReadFile(filepath.Join(rootDir, "warm.bin"))
	if err != nil {
		return "", err
	}
	info := ""
	for _, useTLS := range []bool{false, true} {
		c, err := Login(s.Addr, useTLS)
		if err != nil {
			return "", err
		}
		defer c.Abort()
		h := sha256.New()
		if _, err := c.Fetch("RETR warm.bin", h); err != nil {
			return "", err
		}
		if sum := sha256.Sum256(want); !bytes.Equal(h.Sum(nil), sum[:]) {
			return "", errors.New("RETR returned wrong bytes")
		}
		os.Remove(filepath.Join(rootDir, "up", "v"))
		if err := c.Store("up/v", want); err != nil {
			return "", err
		}
		if got, err := os.ReadFile(filepath.Join(rootDir, "up", "v")); err != nil || !bytes.Equal(got, want) {
			return "", errors.New("STOR stored wrong bytes")
		}
		if useTLS {
			info = c.TLSInfo
			if c.DataResumed {
				info += ", data resumed"
			} else {
				info += ", data full handshake"
			}
		}
		c.Quit()
	}
	return info, nil
}

func clearUploads() {
	up := filepath.Join(rootDir, "up")
	entries, _ := os.ReadDir(up)
	for _, e := range entries {
		os.Remove(filepath.Join(up, e.Name()))
	}
}
