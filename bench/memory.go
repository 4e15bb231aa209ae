package main

// Memory that uploads fill.

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

const (
	pageBytes = 4096
	// Above what an upload fills: socket buffers, the servers themselves.
	combSpare = 3 << 30
	// Left to everybody else while the comb is made.
	combReserve = 2 << 30
	// MADV_POPULATE_WRITE of madvise(2), which the syscall package has no name for.
	populateWrite = 23
)

// keepMemoryBacked sees to it that uploads of so many bytes meet memory that is there. The kernel of a
// virtual machine may give the host back what lies free for a second or two in pieces of some size (free
// page reporting), and whoever is given one of these next pays up to ten times the price of a write: it
// would be a matter of luck which server that is, and one that takes longer would be the more likely to
// meet some. So the memory is used once, and most of it freed again but for single pages that keep the
// free pieces smaller: these are hardly ever given back, and are what the kernel hands out first. It
// lasts as long as this process. Where it cannot be, it says so, and passes differ more.
func keepMemoryBacked(bytes int64) {
	combPages := reportedPages() / 2
	if combPages < 2 {
		return
	}
	size := bytes + combSpare
	if left := int64(procField("/proc/meminfo", "MemAvailable:"))<<10 - size; left < combReserve {
		fmt.Fprintf(os.Stderr, "uploads may meet memory that the host has taken back: %d MiB more are needed to prevent it\n", (combReserve-left)>>20)
		return
	}
	if err := comb(int(size), combPages*pageBytes); err != nil {
		fmt.Fprintf(os.Stderr, "uploads may meet memory that the host has taken back: %v\n", err)
	}
}

// comb uses memory, and keeps of each step only the first page.
func comb(size, step int) error {
	size = size / step * step
	memory, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return err
	}
	if err := syscall.Madvise(memory, syscall.MADV_NOHUGEPAGE); err != nil {
		return err
	}
	if err := syscall.Madvise(memory, populateWrite); err != nil {
		return err
	}
	for from := 0; from < size; from += step {
		if err := syscall.Madvise(memory[from+pageBytes:from+step], syscall.MADV_DONTNEED); err != nil {
			return err
		}
	}
	return nil
}

// reportedPages is how many free pages in a row the kernel gives back; 0 when it gives none back, or does
// not tell.
func reportedPages() int {
	text, err := os.ReadFile("/sys/module/page_reporting/parameters/page_reporting_order")
	if err != nil {
		return 0
	}
	order, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || order < 0 || order > 20 { // without a device that takes them: -1, unsigned
		return 0
	}
	return 1 << order
}
