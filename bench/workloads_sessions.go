package main

// Sessions: start of the server, logins, listings of a large directory, idle sessions.

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// login measures whole short sessions: connect, log in, PASV, LIST, QUIT.
func login(useTLS bool) Workload {
	return Workload{Name: "login+LIST+QUIT x4" + suffix(useTLS),
		Metrics: []Metric{{"sessions_per_s", "sessions/s", false}, {"cpu_ms_per_session", "server CPU ms/session", true}},
		Run: func(s *Server, p *Profile) (Result, error) {
			one := func() error {
				c, err := Login(s.Addr, useTLS)
				if err != nil {
					return err
				}
				if _, err := c.Fetch("LIST few", nil); err != nil {
					return err
				}
				c.Quit()
				return nil
			}
			each := repetition{sessions: 4, warm: 50, total: math.MaxInt, window: p.LoginTime,
				one: func(int, int) error { return one() }}
			m, n, err := each.measure(s)
			if err != nil {
				return nil, err
			}
			r := Result{}
			m.settle(r)
			r["sessions_per_s"] = n / m.wall
			r["cpu_ms_per_session"] = m.scpu * 1000 / n
			return r, nil
		}}
}

// directory lists a directory with many entries.
func directory(cmd string) Workload {
	return Workload{Name: cmd + " large directory",
		Metrics: []Metric{{"seconds", "s", true}, {"cpu_s", "server CPU s", true}, {"first_byte_ms", "first byte ms", true},
			{"peak_rss_mb", "peak RSS MiB", true}},
		Run: func(s *Server, p *Profile) (Result, error) {
			c, err := Login(s.Addr, false)
			if err != nil {
				return nil, err
			}
			defer c.Abort()
			if cmd == "MLSD" {
				if feat, _ := c.Cmd(2, "FEAT"); !strings.Contains(feat, "MLST") && !strings.Contains(feat, "MLSD") {
					return nil, errUnsupported
				}
			}
			if _, err := c.Cmd(2, "CWD big"); err != nil {
				return nil, err
			}
			time.Sleep(settleTime)
			s.ForgetPeak()
			var w lineCounter
			m := begin(s)
			w.t0 = m.t0
			if _, err := c.Fetch(cmd, &w); err != nil {
				return nil, err
			}
			m.stop()
			if w.lines < p.DirEntries {
				return nil, fmt.Errorf("%s listed %d of %d entries", cmd, w.lines, p.DirEntries)
			}
			r := Result{}
			m.settle(r)
			r["seconds"] = m.wall
			r["cpu_s"] = m.scpu
			r["first_byte_ms"] = w.first.Seconds() * 1000
			r["peak_rss_mb"] = s.PeakRSS()
			return r, nil
		}}
}

var errUnsupported = errors.New("not supported by this server")
var errSkipped = errors.New("skipped: would need too much memory")

type lineCounter struct {
	lines int
	t0    time.Time
	first time.Duration
}

func (l *lineCounter) Write(p []byte) (int, error) {
	if l.first == 0 && len(p) > 0 {
		l.first = time.Since(l.t0)
	}
	l.lines += bytes.Count(p, []byte{'\n'})
	return len(p), nil
}

// idle holds n logged-in sessions open.
func idle(many, useTLS bool) Workload {
	name := "idle sessions"
	if many {
		name += ", many"
	}
	return Workload{Name: name + suffix(useTLS), Once: many,
		Metrics: []Metric{{"pss_kb_per_session", "PSS KiB/session", true}, {"total_pss_mb", "total PSS MiB", true},
			{"noop_ms_p50", "NOOP ms p50", true}, {"noop_ms_p99", "NOOP ms p99", true}, {"login_ms_p50", "login ms p50", true}},
		Run: func(s *Server, p *Profile) (Result, error) {
			n := p.Idle
			if many {
				n = p.IdleMany
			}
			if n == 0 {
				return nil, errUnsupported
			}
			warm, err := logins(s, 20, useTLS)
			quitAll(warm)
			if err != nil {
				return nil, err
			}
			time.Sleep(200 * time.Millisecond)
			base := s.PSS()
			ss, err := logins(s, min(n, 200), useTLS)
			defer func() { quitAll(ss) }()
			if err != nil {
				return nil, err
			}
			if est := (s.PSS() - base) / float64(len(ss)) * float64(n); est > 1500 {
				return nil, errSkipped
			}
			more, err := logins(s, n-len(ss), useTLS)
			ss = append(ss, more...)
			if err != nil {
				return nil, err
			}
			time.Sleep(time.Second)
			pss, rss := s.PSS(), s.RSS()
			r := Result{"pss_kb_per_session": (pss - base) * 1024 / float64(n), "total_pss_mb": pss, "total_rss_mb": rss,
				"processes": float64(len(s.Pids()))}
			var lat []float64
			for range 300 {
				c := ss[rand.IntN(len(ss))]
				t := time.Now()
				if _, err := c.Cmd(2, "NOOP"); err != nil {
					return nil, err
				}
				lat = append(lat, time.Since(t).Seconds()*1000)
			}
			r["noop_ms_p50"], r["noop_ms_p99"] = percentile(lat, 50), percentile(lat, 99)
			lat = lat[:0]
			for range 40 {
				t := time.Now()
				c, err := Login(s.Addr, useTLS)
				if err != nil {
					return nil, err
				}
				lat = append(lat, time.Since(t).Seconds()*1000)
				ss = append(ss, c)
			}
			r["login_ms_p50"] = percentile(lat, 50)
			return r, nil
		}}
}

// After the start: a server's memory is then what a listing's peak is compared with.
const settleTime = 300 * time.Millisecond

// start reports what the start itself cost.
func start() Workload {
	return Workload{Name: "start",
		Metrics: []Metric{{"ms", "ms to first 220", true}, {"pss_mb", "base PSS MiB", true}, {"rss_mb", "base RSS MiB", true}},
		Run: func(s *Server, p *Profile) (Result, error) {
			time.Sleep(settleTime)
			return Result{"ms": s.StartupMS, "pss_mb": s.PSS(), "rss_mb": s.RSS()}, nil
		}}
}
