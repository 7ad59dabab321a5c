package password

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

func bcryptCosts(field []string) (Cost, error) {
	n, err := strconv.Atoi(field[1])
	switch {
	case err != nil || n < bcrypt.MinCost:
		return Cost{}, fmt.Errorf("%w: bcrypt begins at cost %d", ErrMalformed, bcrypt.MinCost)
	case n > maxBcryptCost:
		return Cost{}, fmt.Errorf("%w: bcrypt of cost %d", ErrTooDear, n)
	}
	return Cost{}, nil
}

// verifyBcrypt verifies bcrypt, which looks at 72 bytes alone. $2x$ marks
// hashes of an old error that changed what bytes above 127 do (crypt(5)).
func verifyBcrypt(field []string, password string) (bool, error) {
	text := field[0]
	if text[2] == 'x' && strings.ContainsFunc(password, func(r rune) bool { return r > 127 }) {
		return false, fmt.Errorf("%w: $2x$ cannot be verified here with such a password", ErrUnknownScheme)
	}
	err := bcrypt.CompareHashAndPassword([]byte(text), []byte(password[:min(len(password), 72)]))
	switch {
	case errors.Is(err, bcrypt.ErrMismatchedHashAndPassword):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("%w: not bcrypt", ErrMalformed)
	}
	return true, nil
}
