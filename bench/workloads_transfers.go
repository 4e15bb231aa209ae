package main

// Downloads and uploads: large ones, small ones, and small ones beside large ones.

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// bulk moves one large file per session. A pass stops early after Profile.Cap.
func bulk(op string, sessions int, useTLS bool) Workload {
	name := fmt.Sprintf("%s bulk x%d%s", op, sessions, suffix(useTLS))
	return Workload{Name: name,
		Metrics: []Metric{{"mbps", "MB/s", false}, {"cpu_s_per_gb", "server CPU s/GB", true}},
		Run: func(s *Server, p *Profile) (Result, error) {
			size, file := p.Bulk1, "bulk1.bin"
			if sessions > 1 {
				size, file = p.Bulk8, "bulk8.bin"
			}
			ss, err := logins(s, sessions, useTLS)
			if err != nil {
				return nil, err
			}
			defer quitAll(ss)
			for _, c := range ss { // warm-up: first transfer on each session
				if _, err := c.BulkFetch("warm.bin", warmSize, func(int64) bool { return true }); err != nil {
					return nil, err
				}
			}
			var src *os.File
			if op == "STOR" {
				if src, err = os.Open(filepath.Join(rootDir, file)); err != nil {
					return nil, err
				}
				defer src.Close()
				for i := range sessions {
					os.Remove(filepath.Join(rootDir, "up", fmt.Sprintf("b%d", i)))
				}
			}
			var moved atomic.Int64
			m := begin(s)
			count := func(n int64) bool {
				moved.Add(n)
				return time.Since(m.t0) < p.Cap
			}
			err = parallel(sessions, func(i int) error {
				if op == "RETR" {
					_, err := ss[i].BulkFetch(file, size, count)
					return err
				}
				return ss[i].BulkStore(fmt.Sprintf("up/b%d", i), src, block, size, count)
			})
			m.stop()
			if err != nil {
				return nil, err
			}
			r := Result{}
			full := m.wall < p.Cap.Seconds()
			n := float64(moved.Load())
			if full {
				n = float64(size) * float64(sessions)
				if op == "RETR" && float64(moved.Load()) < n*0.999 {
					return nil, fmt.Errorf("%s: short transfer: %d of %.0f bytes", name, moved.Load(), n)
				}
				if op == "STOR" {
					for i := range sessions {
						st, err := os.Stat(filepath.Join(rootDir, "up", fmt.Sprintf("b%d", i)))
						if err != nil || st.Size() != size {
							return nil, fmt.Errorf("%s: upload %d incomplete", name, i)
						}
					}
				}
			}
			m.settle(r)
			r["mbps"] = n / 1e6 / m.wall
			r["cpu_s_per_gb"] = m.scpu / (n / 1e9)
			r["client_cpu_s_per_gb"] = m.ccpu / (n / 1e9)
			r["complete"] = b2f(full)
			if op == "STOR" {
				for i := range sessions {
					os.Remove(filepath.Join(rootDir, "up", fmt.Sprintf("b%d", i)))
				}
			}
			return r, nil
		}}
}

func b2f(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// small moves many 4 KiB files, each with its own PASV.
func small(op string, sessions int, useTLS bool) Workload {
	name := fmt.Sprintf("%s 4KiB x%d%s", op, sessions, suffix(useTLS))
	return Workload{Name: name,
		Metrics: []Metric{{"files_per_s", "files/s", false}, {"cpu_ms_per_file", "server CPU ms/file", true}},
		Run: func(s *Server, p *Profile) (Result, error) {
			total := p.Small1
			if sessions > 1 {
				total = p.Small16
			}
			ss, err := logins(s, sessions, useTLS)
			if err != nil {
				return nil, err
			}
			defer quitAll(ss)
			one := func(c *Session, i int) error {
				if op == "RETR" {
					n, err := c.Fetch(fmt.Sprintf("RETR small/f%04d", i%1000), nil)
					if err == nil && n != smallSize {
						err = fmt.Errorf("got %d bytes", n)
					}
					return err
				}
				return c.Store(fmt.Sprintf("up/s%05d", i), block[:smallSize])
			}
			each := repetition{sessions: sessions, warm: 200, total: total, window: p.Cap,
				one: func(k, i int) error { return one(ss[k], i) }}
			m, n, err := each.measure(s)
			if err != nil {
				return nil, err
			}
			r := Result{}
			m.settle(r)
			r["files_per_s"] = n / m.wall
			r["cpu_ms_per_file"] = m.scpu * 1000 / n
			r["client_cpu_ms_per_file"] = m.ccpu * 1000 / n
			r["data_tls_resumed"] = b2f(ss[0].DataResumed)
			clearUploads()
			return r, nil
		}}
}

// fairness times small downloads on one session while eight others move bulk data.
func fairness(useTLS bool) Workload {
	return Workload{Name: "small RETR beside 8 bulk RETR" + suffix(useTLS),
		Metrics: []Metric{{"p50_ms", "ms p50", true}, {"p99_ms", "ms p99", true}, {"bulk_mbps", "bulk MB/s", false}},
		Run: func(s *Server, p *Profile) (Result, error) {
			ss, err := logins(s, 9, useTLS)
			if err != nil {
				return nil, err
			}
			defer quitAll(ss)
			var moved atomic.Int64
			var stop atomic.Bool
			errc := make(chan error, 1)
			go func() {
				errc <- parallel(8, func(i int) error {
					for !stop.Load() {
						_, err := ss[i].BulkFetch("bulk8.bin", p.Bulk8, func(n int64) bool { moved.Add(n); return !stop.Load() })
						if err != nil {
							return err
						}
					}
					return nil
				})
			}()
			time.Sleep(200 * time.Millisecond)
			var lat []float64
			moved.Store(0)
			m := begin(s)
			for time.Since(m.t0) < p.FairTime {
				t := time.Now()
				if _, err := ss[8].Fetch(fmt.Sprintf("RETR small/f%04d", len(lat)%1000), nil); err != nil {
					stop.Store(true)
					<-errc
					return nil, err
				}
				lat = append(lat, time.Since(t).Seconds()*1000)
			}
			m.stop()
			n := moved.Load()
			r := Result{}
			m.settle(r)
			stop.Store(true)
			if err := <-errc; err != nil {
				return nil, err
			}
			r["p50_ms"], r["p99_ms"], r["samples"] = percentile(lat, 50), percentile(lat, 99), float64(len(lat))
			r["bulk_mbps"] = float64(n) / 1e6 / m.wall
			return r, nil
		}}
}
