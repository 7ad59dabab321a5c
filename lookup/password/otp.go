package password

import (
	"crypto/md5"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	//lint:ignore SA1019 stored passwords are what they are
	"golang.org/x/crypto/md4"
)

// otp is "ALGORITHM STEPS SEED HASH", a one-time password of RFC 2289: what
// remains after as many steps from seed and password. Who sends the password
// itself proves as much.
type otp struct {
	fold  func(text []byte) [8]byte
	steps int
	seed  string
	hash  []byte
}

func otpParts(text string) (o otp, err error) {
	f := strings.Split(text, " ")
	if len(f) != 4 || f[2] == "" {
		return o, fmt.Errorf("%w: want algorithm, steps, seed and hash", ErrMalformed)
	}
	switch strings.ToLower(f[0]) {
	case "md4":
		o.fold = foldMD4
	case "md5":
		o.fold = foldMD5
	case "sha1":
		o.fold = foldSHA1
	default:
		return o, fmt.Errorf("%w: an algorithm that is none of md4, md5 and sha1", ErrMalformed)
	}
	steps, err := strconv.ParseUint(f[1], 10, 31)
	if err != nil {
		return o, fmt.Errorf("%w: not a number of steps", ErrMalformed)
	}
	if steps > maxRounds {
		return o, fmt.Errorf("%w: more than %d steps", ErrTooDear, maxRounds)
	}
	if o.hash, err = hex.DecodeString(f[3]); err != nil || len(o.hash) != 8 {
		return o, fmt.Errorf("%w: not a hash of 8 bytes", ErrMalformed)
	}
	o.steps, o.seed = int(steps), strings.ToLower(f[2]) // RFC 2289 section 6
	return o, nil
}

func checkOTP(h Hash) (Cost, error) {
	_, err := otpParts(h.text)
	return Cost{}, err
}

func verifyOTP(h Hash, _, password string) (bool, error) {
	o, err := otpParts(h.text)
	if err != nil {
		return false, err
	}
	state := o.fold([]byte(o.seed + password))
	for range o.steps {
		state = o.fold(state[:])
	}
	return same(string(state[:]), string(o.hash)), nil
}

// The digests, folded to eight bytes (RFC 2289 appendix A).

func foldMD4(text []byte) [8]byte {
	d := md4.New()
	d.Write(text)
	return foldHalves([16]byte(d.Sum(nil)))
}

func foldMD5(text []byte) [8]byte { return foldHalves(md5.Sum(text)) }

func foldHalves(sum [16]byte) (out [8]byte) {
	for i := range out {
		out[i] = sum[i] ^ sum[i+8]
	}
	return out
}

// foldSHA1 has each four bytes the other way round.
func foldSHA1(text []byte) (out [8]byte) {
	sum := sha1.Sum(text)
	for i := range 4 {
		out[i] = sum[i] ^ sum[i+8] ^ sum[i+16]
		out[i+4] = sum[i+4] ^ sum[i+12]
	}
	slices.Reverse(out[:4])
	slices.Reverse(out[4:])
	return out
}
