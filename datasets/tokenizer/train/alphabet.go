package train

import "slices"

// standIn maps each byte to the printable character that stands for it in tokenizer.json:
// printable Latin-1 characters stand for themselves, the 68 others for U+0100 upwards
// (bytes_to_unicode of GPT-2's encoder.py).
var standIn = func() (table [256]rune) {
	next := rune(256)
	for b := range table {
		switch {
		case '!' <= b && b <= '~', 0xa1 <= b && b <= 0xac, 0xae <= b:
			table[b] = rune(b)
		default:
			table[b] = next
			next++
		}
	}
	return table
}()

// alphabet returns the bytes in the order of their stand-ins, which is their order of ids.
func alphabet() []byte {
	order := make([]byte, 256)
	for i := range order {
		order[i] = byte(i)
	}
	slices.SortFunc(order, func(a, b byte) int { return int(standIn[a]) - int(standIn[b]) })
	return order
}
