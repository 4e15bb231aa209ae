package main

// Passes that a neighbour has slowed down.

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

const (
	// Slower than at its best by more than this, or busy with other work: a pass was disturbed.
	slowBy = 0.15
	// How long a pass waits for quiet processors, how often it looks, and how often it is tried.
	longestWait  = 5 * time.Second
	waitInterval = 100 * time.Millisecond
	mostAttempts = 3
	// Arithmetic of some three milliseconds, and memory that no cache holds.
	spinRounds = 2_000_000
	copyBytes  = 48 << 20
)

// work is what each of the two took, in seconds of CPU time.
type work struct{ arithmetic, memory float64 }

// fastest is the least that each took on any processor so far.
var fastest = work{math.Inf(1), math.Inf(1)}

// spun keeps the compiler from leaving out work whose result nobody wants.
var spun uint64

var copyFrom, copyTo = make([]byte, copyBytes), make([]byte, copyBytes)

// slowness tells by how much processors and memory fall short of the best seen so far: 0.25 means that
// some work takes a quarter longer. A virtual machine's processors may be threads of cores whose other
// threads belong to somebody else, who slows them down by up to the double without any other trace: not as
// stolen time, and not as load of this machine. Caches and memory are shared likewise.
func slowness() float64 {
	var slowest work
	for cpu := range runtime.NumCPU() {
		took := workOn(cpu)
		fastest = work{min(fastest.arithmetic, took.arithmetic), min(fastest.memory, took.memory)}
		slowest = work{max(slowest.arithmetic, took.arithmetic), max(slowest.memory, took.memory)}
	}
	return max(slowest.arithmetic/fastest.arithmetic, slowest.memory/fastest.memory) - 1
}

// workOn does both on one processor.
func workOn(cpu int) work {
	took := make(chan work)
	go func() {
		// The thread ends with the goroutine, so that nothing else runs on that processor alone. No server may
		// run then: it would end with the thread, had that one started it (Pdeathsig). Where this process may
		// not use that processor, the work is done on another.
		runtime.LockOSThread()
		var mask [16]uint64
		mask[cpu/64%len(mask)] = 1 << (cpu % 64)
		syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)))
		begun := threadCPU()
		x := uint64(begun)
		for range spinRounds {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
		spun += x
		between := threadCPU()
		copy(copyTo, copyFrom)
		took <- work{(between - begun).Seconds(), (threadCPU() - between).Seconds()}
	}()
	return <-took
}

// threadCPU is the CPU time of the calling thread.
func threadCPU() time.Duration {
	const clockThreadCPUTime = 3
	var t syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockThreadCPUTime, uintptr(unsafe.Pointer(&t)), 0)
	return time.Duration(t.Nano())
}

// learnSpeed finds out what the processors can do at their best, as far as a second shows it.
func learnSpeed() {
	// Memory that nobody has written is one page, however large.
	for at := 0; at < copyBytes; at += pageBytes {
		copyFrom[at] = 1
	}
	for begun := time.Now(); time.Since(begun) < time.Second; {
		slowness()
	}
}

// patience is how long the passes so far may still wait for quiet processors and be repeated. Each adds its
// share, so that the first ones do not use up all.
var patience time.Duration

// awaitQuiet waits until the processors are as fast as at their best, for longestWait and as long as there
// is patience.
func awaitQuiet() (slow float64) {
	begun := time.Now()
	for slow = slowness(); slow > slowBy && time.Since(begun) < min(longestWait, patience); slow = slowness() {
		time.Sleep(waitInterval)
	}
	if waited := time.Since(begun); waited > waitInterval {
		patience -= waited
	}
	return slow
}

// steadyPass repeats a pass that was disturbed, while there is patience: the processors were slow before it
// or after it, or somebody else on this machine worked meanwhile. It returns the attempt that was disturbed
// least.
func steadyPass(sc script, w Workload, p *Profile) (best Result, err error) {
	least := math.Inf(1)
	for attempt := 1; ; attempt++ {
		slow := awaitQuiet()
		begun := time.Now()
		r, err := runPass(sc, w, p)
		if err != nil {
			if best != nil {
				fmt.Fprintf(os.Stderr, "        once more failed: %v (%s, %s)\n", err, w.Name, sc.name)
				return best, nil
			}
			return nil, err
		}
		slow = max(slow, slowness())
		r["processor_slowness"], r["attempts"] = slow, float64(attempt)
		disturbed := max(slow, r["noise"])
		if disturbed < least {
			best, least = r, disturbed
		}
		if disturbed <= slowBy || attempt == mostAttempts || patience <= 0 {
			return best, nil
		}
		patience -= time.Since(begun)
		fmt.Fprintf(os.Stderr, "        once more: disturbed by %.0f%% (%s, %s)\n", disturbed*100, w.Name, sc.name)
	}
}
