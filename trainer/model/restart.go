package model

// restarts reports whether a sequence that grows from one length to another must be computed from
// its start: longrope turns all keys of a longer sequence otherwise (modeling_phi3.py,
// prepare_inputs_for_generation).
func (m *Model) restarts(from, to int) bool {
	for k := range m.family.Kinds {
		if r := m.family.Rope(k); r != nil && from > 0 && r.Restarts(from, to) {
			return true
		}
	}
	return false
}

// renewed returns the tokens to compute when tokens are added: these, or where a sequence must be
// computed from its start all it has so far, with its caches emptied.
func (b *Batch) renewed(tokens [][]int32) [][]int32 {
	m := b.pass.model
	if !m.restarts(1, 1<<30) {
		return tokens // nor will it ever: no history is needed
	}
	list := make([][]int32, len(tokens))
	for i, t := range tokens {
		list[i] = t
		b.history[i] = append(b.history[i], t...)
		if !m.restarts(b.length[i], b.length[i]+len(t)) {
			continue
		}
		list[i], b.length[i] = b.history[i], 0
		for _, caches := range b.caches {
			caches[i].Reset()
		}
	}
	return list
}
