package ldaptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// authority makes an authority of certificates and returns its file. If it is the
// server's it also gives the server a certificate.
func (s *Server) authority(name string, ours bool) (file string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	ca := certificate("Authority " + name)
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	file = filepath.Join(s.dir, name+".pem")
	if err := write(file, ca, ca, key, key); err != nil || !ours {
		return file, err
	}
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	c := certificate("server")
	c.DNSNames, c.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if err := write(filepath.Join(s.dir, "server.pem"), c, ca, own, key); err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		return "", err
	}
	return file, os.WriteFile(filepath.Join(s.dir, "server.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

func certificate(name string) *x509.Certificate {
	n, _ := rand.Int(rand.Reader, big.NewInt(1<<62)) // never fails
	return &x509.Certificate{SerialNumber: n, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
}

// write signs a certificate and writes it as PEM.
func write(file string, c, by *x509.Certificate, of, with *ecdsa.PrivateKey) error {
	der, err := x509.CreateCertificate(rand.Reader, c, by, &of.PublicKey, with)
	if err != nil {
		return err
	}
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}
