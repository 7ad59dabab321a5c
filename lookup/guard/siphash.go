package guard

import "math/bits"

// sipKey is the key of the hashes under which everything is counted. Whoever
// does not know it cannot aim at a set of a table.
type sipKey [2]uint64

// sum is SipHash-2-4 (Aumasson and Bernstein, 2012). The hash of hash/maphash
// would be faster, but its seed cannot be kept over a restart, see Save.
func sum[T string | []byte](k sipKey, p T) uint64 {
	v := [4]uint64{k[0] ^ 0x736f6d6570736575, k[1] ^ 0x646f72616e646f6d, k[0] ^ 0x6c7967656e657261, k[1] ^ 0x7465646279746573}
	last := uint64(len(p)) << 56
	i := 0
	for ; i+8 <= len(p); i += 8 {
		m := uint64(p[i]) | uint64(p[i+1])<<8 | uint64(p[i+2])<<16 | uint64(p[i+3])<<24 |
			uint64(p[i+4])<<32 | uint64(p[i+5])<<40 | uint64(p[i+6])<<48 | uint64(p[i+7])<<56
		v[3] ^= m
		sipRounds(&v, 2)
		v[0] ^= m
	}
	for shift := 0; i < len(p); i, shift = i+1, shift+8 {
		last |= uint64(p[i]) << shift
	}
	v[3] ^= last
	sipRounds(&v, 2)
	v[0] ^= last
	v[2] ^= 0xff
	sipRounds(&v, 4)
	return v[0] ^ v[1] ^ v[2] ^ v[3]
}

func sipRounds(v *[4]uint64, n int) {
	a, b, c, d := v[0], v[1], v[2], v[3]
	for range n {
		a += b
		c += d
		b = bits.RotateLeft64(b, 13) ^ a
		d = bits.RotateLeft64(d, 16) ^ c
		a = bits.RotateLeft64(a, 32)
		c += b
		a += d
		b = bits.RotateLeft64(b, 17) ^ c
		d = bits.RotateLeft64(d, 21) ^ a
		c = bits.RotateLeft64(c, 32)
	}
	*v = [4]uint64{a, b, c, d}
}
