package password

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// SHA-crypt, $5$ and $6$: Ulrich Drepper, "Unix crypt using SHA-256 and
// SHA-512".

// minSHARounds is the least that libxcrypt takes (lib/crypt-sha512.c, ROUNDS_MIN).
const minSHARounds = 1000

// shaKind is what differs between the two.
type shaKind struct {
	size int
	sum  func(dst, text []byte) // may be the same place
	// places says which bytes of the result make four characters, in its turn.
	places func(turn int) [3]int
}

func shaKindOf(id string) shaKind {
	if id == "$5$" {
		return shaKind{sha256.Size, func(dst, text []byte) {
			sum := sha256.Sum256(text)
			copy(dst, sum[:])
		}, func(turn int) [3]int {
			p := [3]int{turn, turn + 10, turn + 20}
			return [3]int{p[(3-turn%3)%3], p[(4-turn%3)%3], p[(5-turn%3)%3]}
		}}
	}
	return shaKind{sha512.Size, func(dst, text []byte) {
		sum := sha512.Sum512(text)
		copy(dst, sum[:])
	}, func(turn int) [3]int {
		p := [3]int{turn, turn + 21, turn + 42}
		return [3]int{p[turn%3], p[(turn+1)%3], p[(turn+2)%3]}
	}}
}

// shaCrypt hashes. A round hashes the last result with the password and, but for
// every third one, the salt, and, but for every seventh one, the password again,
// in an order that alternates: 42 texts that differ in the result alone, which
// stands at their beginning or end. They are laid out once, so that a round is
// hashing and hardly anything else.
func shaCrypt(id, password, salt string, rounds int) string {
	k := shaKindOf(id)
	result, pass, salted := k.begin([]byte(password), []byte(salt))
	free := make([]byte, k.size)
	var texts [42][]byte
	for i := range texts {
		first, last := pass, free
		if i%2 == 0 {
			first, last = free, pass
		}
		var middle []byte
		if i%3 != 0 {
			middle = append(middle, salted...)
		}
		if i%7 != 0 {
			middle = append(middle, pass...)
		}
		texts[i] = slices.Concat(first, middle, last)
	}
	for i := range rounds {
		text := texts[i%42]
		if i%2 == 0 {
			copy(text, result)
		} else {
			copy(text[len(text)-k.size:], result)
		}
		k.sum(result, text)
	}
	return k.encode(result)
}

// begin computes the first result and what stands for password and salt in the
// rounds (steps 1 to 20).
func (k shaKind) begin(password, salt []byte) (result, pass, salted []byte) {
	sum := func(text []byte) []byte {
		b := make([]byte, k.size)
		k.sum(b, text)
		return b
	}
	n := len(password)
	other := sum(slices.Concat(password, salt, password))
	text := slices.Concat(password, salt, repeated(other, n))
	for bits := n; bits > 0; bits >>= 1 {
		if bits&1 != 0 {
			text = append(text, other...)
		} else {
			text = append(text, password...)
		}
	}
	result = sum(text)
	pass = repeated(sum(bytes.Repeat(password, n)), n)
	salted = repeated(sum(bytes.Repeat(salt, 16+int(result[0]))), len(salt))
	return result, pass, salted
}

// repeated is b again and again, n bytes of it.
func repeated(b []byte, n int) []byte { return bytes.Repeat(b, n/len(b)+1)[:n] }

// encode writes the result: three bytes as four characters, those left over last.
func (k shaKind) encode(result []byte) string {
	var out strings.Builder
	turns := k.size / 3
	for turn := range turns {
		p := k.places(turn)
		out.WriteString(encode64([]byte{result[p[2]], result[p[1]], result[p[0]]}))
	}
	out.WriteString(encode64(result[3*turns:]))
	return out.String()
}

// shaRoundsOf reads the rounds.
func shaRoundsOf(field string) int {
	if field == "" {
		return 5000
	}
	n, _ := strconv.Atoi(field)
	return n
}

func shaCost(field []string) (Cost, error) {
	if c, err := rounds(maxRounds)(field); err != nil || shaRoundsOf(field[1]) >= minSHARounds {
		return c, err
	}
	return Cost{}, fmt.Errorf("%w: less than %d rounds", ErrMalformed, minSHARounds)
}

func verifySHACrypt(field []string, password string) (bool, error) {
	return same(shaCrypt(field[0][:3], password, field[2], shaRoundsOf(field[1])), field[3]), nil
}

func makeSHACrypt(name, password string, p Params) (string, error) {
	id, n, salt := "$6$", p.rounds(shaRounds), encode64(random(12))
	if name == "SHA256-CRYPT" {
		id = "$5$"
	}
	return fmt.Sprintf("%srounds=%d$%s$%s", id, n, salt, shaCrypt(id, password, salt, n)), nil
}
