package password

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/subtle"
	"encoding"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	//lint:ignore SA1019 stored passwords are what they are
	"golang.org/x/crypto/md4"
)

// same compares texts in constant time, whatever their lengths.
func same(a, b string) bool {
	if len(a) <= 64 && len(b) <= 64 {
		var x, y [64]byte
		copy(x[:], a)
		copy(y[:], b)
		return subtle.ConstantTimeCompare(x[:], y[:])&subtle.ConstantTimeEq(int32(len(a)), int32(len(b))) == 1
	}
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

func verifyPlain(h Hash, _, password string) (bool, error) { return same(password, h.text), nil }

// truncated takes LENGTH-TEXT apart. As in Dovecot, no digits are 0.
func truncated(text string) (n int, rest string, err error) {
	number, rest, ok := strings.Cut(text, "-")
	if number != "" {
		n, err = strconv.Atoi(number)
	}
	if !ok || err != nil || n < 0 {
		return 0, "", fmt.Errorf("%w: want LENGTH-TEXT", ErrMalformed)
	}
	return n, rest, nil
}

func checkTruncated(h Hash) (Cost, error) {
	_, _, err := truncated(h.text)
	return Cost{Cheap: true}, err
}

// verifyTruncated verifies LENGTH-TEXT: if the text is as long as that, a longer
// password fits too.
func verifyTruncated(h Hash, _, password string) (bool, error) {
	n, text, err := truncated(h.text)
	if err != nil {
		return false, err
	}
	if len(text) == n && len(password) > n {
		password = password[:n]
	}
	return same(password, text), nil
}

// md5Digest reads a digest as {MD5} has it: in hexadecimal or base64.
func md5Digest(text string) ([]byte, error) {
	want, err := hex.DecodeString(text)
	if len(text) != 2*md5.Size {
		want, err = base64.StdEncoding.DecodeString(text)
	}
	if err != nil || len(want) != md5.Size {
		return nil, fmt.Errorf("%w: neither $1$ nor a digest", ErrMalformed)
	}
	return want, nil
}

func checkMD5(h Hash) (Cost, error) {
	if strings.HasPrefix(h.text, "$1$") {
		return checkCrypt(h)
	}
	_, err := md5Digest(h.text)
	return Cost{Cheap: true}, err
}

// verifyMD5 verifies what {MD5} stands for: MD5-CRYPT, or a plain digest.
func verifyMD5(h Hash, login, password string) (bool, error) {
	if strings.HasPrefix(h.text, "$1$") {
		return verifyCrypt(h, login, password)
	}
	want, err := md5Digest(h.text)
	got := md5.Sum([]byte(password))
	return err == nil && subtle.ConstantTimeCompare(got[:], want) == 1, err
}

// verifyNTHash verifies NTHASH: MD4 of the password in UTF-16, as libxcrypt
// makes that, byte by byte (lib/crypt-nthash.c).
func verifyNTHash(field []string, password string) (bool, error) {
	want, err := hex.DecodeString(field[1])
	d := md4.New()
	for i := range len(password) {
		d.Write([]byte{password[i], 0})
	}
	return err == nil && same(string(d.Sum(nil)), string(want)), err
}

// verifyCRAM compares the two states of MD5 that HMAC begins with (RFC 2104,
// RFC 2195), each as four words, the low byte first.
func verifyCRAM(h Hash, _, password string) (bool, error) {
	return same(cramStates(password), h.text), nil
}

// cramStates returns the states of MD5 after the outer and the inner key block.
func cramStates(password string) string {
	key := []byte(password)
	if len(key) > md5.BlockSize {
		sum := md5.Sum(key)
		key = sum[:]
	}
	var out []byte
	for _, pad := range []byte{0x5c, 0x36} {
		var block [md5.BlockSize]byte
		copy(block[:], key)
		for i := range block {
			block[i] ^= pad
		}
		d := md5.New()
		d.Write(block[:])
		// The state is "md5\x01" and four words, the high byte first
		// (crypto/md5, MarshalBinary).
		state, _ := d.(encoding.BinaryMarshaler).MarshalBinary()
		for i := range 4 {
			out = binary.LittleEndian.AppendUint32(out, binary.BigEndian.Uint32(state[4+4*i:]))
		}
	}
	return string(out)
}

// verifyDigestMD5 compares MD5(user:realm:password) (RFC 2831).
func verifyDigestMD5(h Hash, login, password string) (bool, error) {
	user, realm := login, ""
	if at := strings.LastIndexByte(login, '@'); at >= 0 {
		user, realm = login[:at], login[at+1:]
	}
	got := md5.Sum([]byte(user + ":" + realm + ":" + password))
	return same(string(got[:]), h.text), nil
}
