package guard

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
)

// networks is the most that one address belongs to.
const networks = 3

// keys are all the names under which an attempt is counted, as hashes. Zero
// is "none".
type keys struct {
	account  uint64
	place    uint64 // zero if the address is unknown
	pair     uint64 // the account at the place
	password uint64 // the account and the fingerprint, zero if that is unknown
	exempt   bool
	n        int // networks
	nets     [networks]network
}

type network struct {
	key    uint64
	prefix netip.Prefix
	limit  *Limit
}

func (g *Guard) keys(account string, remote netip.Addr, fingerprint uint64) keys {
	k := g.names(account, remote)
	k.pair = g.hashPair(k.account, k.place, 'p')
	if fingerprint != 0 {
		k.password = g.hashPair(k.account, fingerprint, 'w')
	}
	return k
}

// names are the keys of who and where alone.
func (g *Guard) names(account string, remote netip.Addr) keys {
	k := keys{account: nonzero(sum(g.seed, account))}
	remote = plain(remote)
	if remote.IsValid() {
		k.place = g.hashAddr(remote, placeBits(remote))
		k.exempt = contains(g.s.Exempt, remote)
		if !k.exempt {
			g.networksOf(remote, &k)
		}
	}
	return k
}

func (g *Guard) networksOf(a netip.Addr, k *keys) {
	add := func(bits int, l *Limit) {
		p := netip.PrefixFrom(a, bits).Masked()
		key := k.place // the first one
		if bits != placeBits(a) {
			key = g.hashAddr(p.Addr(), bits)
		}
		k.nets[k.n] = network{key, p, l}
		k.n++
	}
	if a.Is4() {
		add(32, &g.s.Address)
		add(24, &g.s.IPv4x24)
		return
	}
	add(64, &g.s.IPv6x64)
	add(56, &g.s.IPv6x56)
	add(48, &g.s.IPv6x48)
}

// placeBits is the length of the prefix that is one place: of IPv6 a site's
// network, since the devices there change the rest every day (RFC 8981).
func placeBits(a netip.Addr) int {
	if a.Is4() {
		return 32
	}
	return 64
}

func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

func contains(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// hashAddr hashes the first bits of an address.
func (g *Guard) hashAddr(a netip.Addr, bits int) uint64 {
	var b [18]byte
	if a.Is4() {
		b[17] = 4
	}
	b[16] = byte(bits)
	full := netip.PrefixFrom(a, bits).Masked().Addr().As16()
	copy(b[:], full[:])
	return nonzero(sum(g.seed, b[:]))
}

func (g *Guard) hashPair(a, b uint64, kind byte) uint64 {
	var buf [17]byte
	binary.LittleEndian.PutUint64(buf[:], a)
	binary.LittleEndian.PutUint64(buf[8:], b)
	buf[16] = kind
	return nonzero(sum(g.seed, buf[:]))
}

func nonzero(h uint64) uint64 {
	if h == 0 {
		return 1
	}
	return h
}

// fingerprintBits is how much of the hash is kept: enough to tell the old
// password in a phone from the next guess, too little to test guesses of one's
// own on.
const fingerprintBits = 12

// Fingerprint gives a number for a password of an account, by which an Attempt
// says that it is the same as an earlier one; it is never zero. It is the same
// on all nodes that share, and in no other process.
func (g *Guard) Fingerprint(account string, password []byte) uint64 {
	// The key in front would not do if a digest got out whole.
	var buf [256]byte
	text := append(buf[:0], g.key.Load()[:]...)
	text = binary.BigEndian.AppendUint64(text, uint64(len(account)))
	text = append(append(text, account...), password...)
	sum := sha256.Sum256(text)
	clear(text)
	return binary.BigEndian.Uint64(sum[:])>>(64-fingerprintBits) | 1<<fingerprintBits
}
