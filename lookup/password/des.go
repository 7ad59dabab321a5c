package password

import (
	"fmt"
	"strings"
)

// DES as crypt(3) uses it: FIPS 46-3, with the expansion altered by a salt.
// Bits are in bytes, one each: a hash takes a fraction of a millisecond, and
// those who have one had better get another.

// itoa64 is crypt's alphabet of six bits.
const itoa64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// verifyDES verifies traditional crypt: two characters of salt, and a password
// of eight bytes, those after which do not matter.
func verifyDES(field []string, password string) (bool, error) {
	keys := desKeys(desBlock(password))
	return same(desRepeat(25, desNumber(field[1]), &keys), field[2]), nil
}

// bsdiCost reads the rounds of the extended crypt of BSDi.
func bsdiCost(field []string) (Cost, error) {
	if n := desNumber(field[1]); n > maxBSDiRounds {
		return Cost{}, fmt.Errorf("%w: %d rounds of DES", ErrTooDear, n)
	}
	return Cost{}, nil
}

// verifyBSDi verifies the extended crypt, "_", rounds and salt.
func verifyBSDi(field []string, password string) (bool, error) {
	keys := desKeys(foldPassword(password))
	return same(desRepeat(max(1, desNumber(field[1])), desNumber(field[2]), &keys), field[3]), nil
}

// desRepeat encrypts zeros again and again.
func desRepeat(rounds, salt int, keys *[16][48]byte) string {
	var block [64]byte
	for range rounds {
		block = desEncrypt(block, keys, salt)
	}
	return desEncode(block)
}

// desNumber reads characters of six bits, the low ones first.
func desNumber(s string) (n int) {
	for i := range len(s) {
		n |= strings.IndexByte(itoa64, s[i]) << (6 * i)
	}
	return n
}

// desBlock makes a key of seven bits of each of the first eight bytes.
func desBlock(password string) (key [64]byte) {
	for i := range min(len(password), 8) {
		for b := range 7 {
			key[8*i+b] = password[i] >> (6 - b) & 1
		}
	}
	return key
}

// foldPassword makes the key of the extended crypt: each eight bytes more are
// added to the key encrypted with itself.
func foldPassword(password string) [64]byte {
	key := desBlock(password)
	for len(password) > 8 {
		password = password[8:]
		keys := desKeys(key)
		key = desEncrypt(key, &keys, 0)
		for i, bit := range desBlock(password) {
			key[i] ^= bit
		}
	}
	return key
}

// desEncode writes 64 bits as eleven characters.
func desEncode(block [64]byte) string {
	var out [11]byte
	for i := range out {
		n := 0
		for b := range 6 {
			n <<= 1
			if at := 6*i + b; at < 64 {
				n |= int(block[at])
			}
		}
		out[i] = itoa64[n]
	}
	return string(out[:])
}

// desKeys makes the keys of the sixteen rounds.
func desKeys(key [64]byte) (keys [16][48]byte) {
	var cd [56]byte
	for i, from := range desPC1 {
		cd[i] = key[from-1]
	}
	for round, shift := range desShifts {
		for range shift {
			c, d := cd[0], cd[28]
			copy(cd[:27], cd[1:28])
			copy(cd[28:55], cd[29:])
			cd[27], cd[55] = c, d
		}
		for i, from := range desPC2 {
			keys[round][i] = cd[from-1]
		}
	}
	return keys
}

// desEncrypt encrypts a block. Each bit of the salt swaps a bit of the first
// half of the expansion with that of the second.
func desEncrypt(block [64]byte, keys *[16][48]byte, salt int) (out [64]byte) {
	var lr [64]byte
	for i, from := range desIP {
		lr[i] = block[from-1]
	}
	l, r := lr[:32], lr[32:]
	for round := range keys {
		var f [32]byte
		desRound(&f, r, &keys[round], salt)
		for i := range f {
			f[i] ^= l[i]
		}
		copy(l, r)
		copy(r, f[:])
	}
	var rl [64]byte
	copy(rl[:32], r)
	copy(rl[32:], l)
	for i, to := range desIP {
		out[to-1] = rl[i]
	}
	return out
}

// desRound is the function f of FIPS 46-3.
func desRound(f *[32]byte, r []byte, key *[48]byte, salt int) {
	var e [48]byte
	for i := range e {
		e[i] = r[(i/6*4+i%6+31)%32]
	}
	for i := range 24 {
		if salt>>i&1 == 1 {
			e[i], e[i+24] = e[i+24], e[i]
		}
	}
	var s [32]byte
	for box := range 8 {
		b := e[6*box : 6*box+6]
		for i := range b {
			b[i] ^= key[6*box+i]
		}
		v := desS[box][(b[0]<<1|b[5])<<4|b[1]<<3|b[2]<<2|b[3]<<1|b[4]]
		for i := range 4 {
			s[4*box+i] = v >> (3 - i) & 1
		}
	}
	for i, from := range desP {
		f[i] = s[from-1]
	}
}

var desShifts = [16]int{1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1}

// desIP is the initial permutation; the final one is its inverse.
var desIP = [64]byte{
	58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4, 62, 54, 46, 38, 30, 22, 14, 6, 64, 56, 48, 40, 32, 24, 16, 8,
	57, 49, 41, 33, 25, 17, 9, 1, 59, 51, 43, 35, 27, 19, 11, 3, 61, 53, 45, 37, 29, 21, 13, 5, 63, 55, 47, 39, 31, 23, 15, 7,
}

var desP = [32]byte{16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25}

var desPC1 = [56]byte{
	57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
	63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
}

var desPC2 = [48]byte{
	14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2,
	41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
}

var desS = [8][64]byte{
	{
		14, 4, 13, 1, 2, 15, 11, 8, 3, 10, 6, 12, 5, 9, 0, 7, 0, 15, 7, 4, 14, 2, 13, 1, 10, 6, 12, 11, 9, 5, 3, 8,
		4, 1, 14, 8, 13, 6, 2, 11, 15, 12, 9, 7, 3, 10, 5, 0, 15, 12, 8, 2, 4, 9, 1, 7, 5, 11, 3, 14, 10, 0, 6, 13,
	},
	{
		15, 1, 8, 14, 6, 11, 3, 4, 9, 7, 2, 13, 12, 0, 5, 10, 3, 13, 4, 7, 15, 2, 8, 14, 12, 0, 1, 10, 6, 9, 11, 5,
		0, 14, 7, 11, 10, 4, 13, 1, 5, 8, 12, 6, 9, 3, 2, 15, 13, 8, 10, 1, 3, 15, 4, 2, 11, 6, 7, 12, 0, 5, 14, 9,
	},
	{
		10, 0, 9, 14, 6, 3, 15, 5, 1, 13, 12, 7, 11, 4, 2, 8, 13, 7, 0, 9, 3, 4, 6, 10, 2, 8, 5, 14, 12, 11, 15, 1,
		13, 6, 4, 9, 8, 15, 3, 0, 11, 1, 2, 12, 5, 10, 14, 7, 1, 10, 13, 0, 6, 9, 8, 7, 4, 15, 14, 3, 11, 5, 2, 12,
	},
	{
		7, 13, 14, 3, 0, 6, 9, 10, 1, 2, 8, 5, 11, 12, 4, 15, 13, 8, 11, 5, 6, 15, 0, 3, 4, 7, 2, 12, 1, 10, 14, 9,
		10, 6, 9, 0, 12, 11, 7, 13, 15, 1, 3, 14, 5, 2, 8, 4, 3, 15, 0, 6, 10, 1, 13, 8, 9, 4, 5, 11, 12, 7, 2, 14,
	},
	{
		2, 12, 4, 1, 7, 10, 11, 6, 8, 5, 3, 15, 13, 0, 14, 9, 14, 11, 2, 12, 4, 7, 13, 1, 5, 0, 15, 10, 3, 9, 8, 6,
		4, 2, 1, 11, 10, 13, 7, 8, 15, 9, 12, 5, 6, 3, 0, 14, 11, 8, 12, 7, 1, 14, 2, 13, 6, 15, 0, 9, 10, 4, 5, 3,
	},
	{
		12, 1, 10, 15, 9, 2, 6, 8, 0, 13, 3, 4, 14, 7, 5, 11, 10, 15, 4, 2, 7, 12, 9, 5, 6, 1, 13, 14, 0, 11, 3, 8,
		9, 14, 15, 5, 2, 8, 12, 3, 7, 0, 4, 10, 1, 13, 11, 6, 4, 3, 2, 12, 9, 5, 15, 10, 11, 14, 1, 7, 6, 0, 8, 13,
	},
	{
		4, 11, 2, 14, 15, 0, 8, 13, 3, 12, 9, 7, 5, 10, 6, 1, 13, 0, 11, 7, 4, 9, 1, 10, 14, 3, 5, 12, 2, 15, 8, 6,
		1, 4, 11, 13, 12, 3, 7, 14, 10, 15, 6, 8, 0, 5, 9, 2, 6, 11, 13, 8, 1, 4, 10, 7, 9, 5, 0, 15, 14, 2, 3, 12,
	},
	{
		13, 2, 8, 4, 6, 15, 11, 1, 10, 9, 3, 14, 5, 0, 12, 7, 1, 15, 13, 8, 10, 3, 7, 4, 12, 5, 6, 11, 0, 14, 9, 2,
		7, 11, 4, 1, 9, 12, 14, 2, 0, 6, 10, 13, 15, 3, 5, 8, 2, 1, 14, 7, 4, 10, 8, 13, 15, 12, 9, 0, 3, 5, 6, 11,
	},
}
