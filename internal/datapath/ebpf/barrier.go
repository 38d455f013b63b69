package ebpf

import "fmt"

// Barrier separates two changes: no packet is judged by what it read before the first and after the second. It costs one write. (The
// program compares the generation before and after its lookups and judges again when it went up.)
func (d *Datapath) Barrier() error {
	d.generation++
	if err := d.objects.Generation.Put(uint32(0), d.generation); err != nil {
		return fmt.Errorf("raise the generation: %w", err)
	}
	return nil
}
