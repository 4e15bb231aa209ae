package main

// Memory that uploads fill.

import (
	"fmt"
	"os"
	"syscall"
)

const (
	pageBytes = 4096
	// One page of so many stays in use: what is free between two of them is too small to be given back.
	combPages = 16
	// Above what an upload fills: socket buffers, the servers themselves.
	combSpare = 3 << 30
	// MADV_POPULATE_WRITE of madvise(2), which the syscall package has no name for.
	populateWrite = 23
)

// keepMemoryBacked sees to it that uploads of so many bytes meet memory that is there. The kernel of a
// virtual machine gives the host back what lies free in pieces of 128 KiB and more for a second or two,
// and whoever is given one of these next pays up to ten times the price of a write: it would be a matter
// of luck which server that is, and one that takes longer would be the more likely to have none. So the
// memory is used once, and all but every sixteenth page of it freed: small free pieces are never given
// back, and are what the kernel hands out first. It lasts as long as this process.
func keepMemoryBacked(bytes int64) error {
	if _, err := os.Stat("/sys/module/page_reporting"); err != nil {
		return nil // This kernel gives nothing back.
	}
	const step = combPages * pageBytes
	size := int((bytes + combSpare) / step * step)
	memory, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return fmt.Errorf("memory for uploads: %w", err)
	}
	if err := syscall.Madvise(memory, syscall.MADV_NOHUGEPAGE); err != nil {
		return fmt.Errorf("memory for uploads: %w", err)
	}
	if err := syscall.Madvise(memory, populateWrite); err != nil {
		return fmt.Errorf("memory for uploads: %w", err)
	}
	for from := 0; from < size; from += step {
		if err := syscall.Madvise(memory[from+pageBytes:from+step], syscall.MADV_DONTNEED); err != nil {
			return fmt.Errorf("memory for uploads: %w", err)
		}
	}
	return nil
}
