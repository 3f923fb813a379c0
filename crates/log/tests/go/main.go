// Checks a published log with Go's packages for transparency logs, which share no code with ours.
//
//	main DIR
//
// It checks the signatures of every archived checkpoint, that the checkpoints are consistent, that
// each entry has the hash in the tiles, and that each entry is included. Then it alters an entry,
// a tile of each level and a checkpoint, and expects to be refused.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(1)
	}
}

func refused(what string, err error) {
	if err == nil {
		must(fmt.Errorf("an altered %s was accepted", what))
	}
}

// cosigner checks cosignatures (C2SP tlog-cosignature), which the package note leaves to others.
type cosigner struct {
	name string
	key  []byte
}

func (c cosigner) Name() string { return c.name }

func (c cosigner) KeyHash() uint32 {
	hash := sha256.Sum256(append([]byte(c.name+"\n\x04"), c.key...))
	return binary.BigEndian.Uint32(hash[:])
}

func (c cosigner) Verify(text, signature []byte) bool {
	if len(signature) != 72 {
		return false
	}
	time := binary.BigEndian.Uint64(signature)
	signed := append([]byte(fmt.Sprintf("cosignature/v1\ntime %d\n", time)), text...)
	return ed25519.Verify(c.key, signed, signature[8:])
}

// keys are those in the file of this name.
type keys struct {
	log, vault note.Verifier
	witnesses  []note.Verifier
	quorum     int
}

func readKeys(dir string) (k keys) {
	text, err := os.ReadFile(filepath.Join(dir, "keys"))
	must(err)
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		role, value, _ := strings.Cut(line, " ")
		switch role {
		case "log":
			k.log, err = note.NewVerifier(value)
		case "quorum":
			k.quorum, err = strconv.Atoi(value)
		case "vault", "witness":
			parts := strings.SplitN(value, "+", 3)
			var key []byte
			key, err = base64.StdEncoding.DecodeString(parts[2])
			must(err)
			c := cosigner{parts[0], key[1:]}
			if key[0] != 4 || fmt.Sprintf("%08x", c.KeyHash()) != parts[1] {
				err = errors.New("a cosigner's vkey is wrong")
			}
			if role == "vault" {
				k.vault = c
			} else {
				k.witnesses = append(k.witnesses, c)
			}
		}
		must(err)
	}
	return k
}

// open checks the signatures of a checkpoint, and reads its size and root.
func (k keys) open(signed []byte) (tree tlog.Tree, err error) {
	known := append([]note.Verifier{k.log, k.vault}, k.witnesses...)
	n, err := note.Open(signed, note.VerifierList(known...))
	if err != nil {
		return tree, err
	}
	signers := map[string]bool{}
	for _, s := range n.Sigs {
		signers[fmt.Sprint(s.Name, s.Hash)] = true
	}
	signer := func(v note.Verifier) bool { return signers[fmt.Sprint(v.Name(), v.KeyHash())] }
	witnesses := 0
	for _, w := range k.witnesses {
		if signer(w) {
			witnesses++
		}
	}
	origin, rest, _ := strings.Cut(n.Text, "\n")
	if !signer(k.log) || !signer(k.vault) || witnesses < k.quorum || origin != k.log.Name() {
		return tree, errors.New("a signature is missing, or the origin is another")
	}
	// The parser knows one origin only, which we have checked ourselves.
	return tlog.ParseTree([]byte("go.sum database tree\n" + rest))
}

// tiles reads the folder's tiles. C2SP leaves out the height in the path. Where `alter` is the
// level of a tile, the tile's last byte is altered.
type tiles struct {
	dir   string
	cache map[string][]byte
	alter int
}

func (t tiles) Height() int                     { return 8 }
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t tiles) ReadTiles(wanted []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range wanted {
		bytes, err := t.read(strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		if len(bytes) < 32*tile.W { // a full tile stands in for a partial one
			return nil, fmt.Errorf("%s is too short", tile.Path())
		}
		bytes = append([]byte{}, bytes[:32*tile.W]...)
		if tile.L == t.alter {
			bytes[len(bytes)-1] ^= 1
		}
		data = append(data, bytes)
	}
	return data, nil
}

// read reads a tile, or the full tile if a partial one is no longer there.
func (t tiles) read(path string) (data []byte, err error) {
	if data, ok := t.cache[path]; ok {
		return data, nil
	}
	data, err = os.ReadFile(filepath.Join(t.dir, path))
	if full, _, partial := strings.Cut(path, ".p/"); partial && errors.Is(err, fs.ErrNotExist) {
		data, err = os.ReadFile(filepath.Join(t.dir, full))
	}
	if err == nil {
		t.cache[path] = data
	}
	return data, err
}

// entries reads the entries of a bundle.
func (t tiles) entries(index, width int64) (entries [][]byte) {
	path := strings.Replace(tlog.Tile{H: 8, L: 0, N: index, W: int(width)}.Path(),
		"tile/8/0/", "tile/entries/", 1)
	data, err := t.read(path)
	must(err)
	for len(data) >= 2 {
		end := 2 + int(binary.BigEndian.Uint16(data))
		if end > len(data) {
			must(fmt.Errorf("%s is cut off", path))
		}
		entries, data = append(entries, data[2:end]), data[end:]
	}
	if int64(len(entries)) < width || len(data) != 0 {
		must(fmt.Errorf("%s does not have %d entries", path, width))
	}
	return entries[:width]
}

func main() {
	dir := os.Args[1]
	k := readKeys(dir)
	store := tiles{dir, map[string][]byte{}, -1}

	// Every checkpoint is signed, and the newest is archived too.
	newest, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	must(err)
	newestTree, err := k.open(newest)
	must(err)
	names, err := filepath.Glob(filepath.Join(dir, "checkpoints", "*"))
	must(err)
	archived := []tlog.Tree{newestTree}
	for _, name := range names {
		signed, err := os.ReadFile(name)
		must(err)
		tree, err := k.open(signed)
		must(err)
		if filepath.Base(name) != fmt.Sprint(tree.N) {
			must(fmt.Errorf("%s holds a checkpoint of size %d", name, tree.N))
		}
		archived = append(archived, tree)
	}
	sort.Slice(archived, func(i, j int) bool { return archived[i].N > archived[j].N })

	// Tiles are published later than checkpoints. Find the largest checkpoint that they cover.
	var tree tlog.Tree
	var reader tlog.HashReader
	for _, tree = range archived {
		reader = tlog.TileHashReader(tree, store)
		_, err = tlog.ProveRecord(tree.N, tree.N-1, reader)
		if tree.N == 0 || !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	must(err)
	if tree.N == 0 {
		must(errors.New("the tiles cover no checkpoint"))
	}

	// Each entry has the hash in the tiles, and is included.
	step := tree.N/10000 + 1
	var proof tlog.RecordProof
	var entry []byte
	for index := int64(0); index < tree.N; index += 256 {
		width := tree.N - index
		if width > 256 {
			width = 256
		}
		level0, err := store.ReadTiles([]tlog.Tile{{H: 8, L: 0, N: index / 256, W: int(width)}})
		must(err)
		for i, e := range store.entries(index/256, width) {
			n, hash := index+int64(i), tlog.RecordHash(e)
			if !bytes.Equal(hash[:], level0[0][32*i:32*i+32]) {
				must(fmt.Errorf("entry %d does not have the hash in the tile", n))
			}
			if n%step == 0 || n == tree.N-1 {
				entry = e
				proof, err = tlog.ProveRecord(tree.N, n, reader)
				must(err)
				must(tlog.CheckRecord(proof, tree.N, tree.Hash, n, hash))
			}
		}
	}

	// Each earlier checkpoint is of the same tree.
	consistent := 0
	for _, old := range archived {
		if old.N > 0 && old.N < tree.N {
			proof, err := tlog.ProveTree(tree.N, old.N, reader)
			must(err)
			must(tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash))
			old.Hash[0] ^= 1
			refused("root", tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash))
			consistent++
		} else if old.N == tree.N && old.Hash != tree.Hash {
			must(fmt.Errorf("two checkpoints of size %d differ", old.N))
		}
	}

	// What was altered is refused.
	altered := append([]byte{}, entry...)
	altered[len(altered)-1] ^= 1
	refused("entry", tlog.CheckRecord(proof, tree.N, tree.Hash, tree.N-1, tlog.RecordHash(altered)))
	levels := 0
	for size := tree.N; size > 0; size /= 256 {
		store.alter = levels
		_, err = tlog.ProveRecord(tree.N, 0, tlog.TileHashReader(tree, store))
		refused(fmt.Sprintf("tile of level %d", levels), err)
		levels++
	}
	for at := range newest {
		// The last character before the padding has bits that mean nothing, and Go ignores them.
		// Our own reader refuses them.
		if at+1 < len(newest) && newest[at+1] == '=' {
			continue
		}
		text := append([]byte{}, newest...)
		text[at] ^= 1
		_, err = k.open(text)
		refused(fmt.Sprintf("checkpoint (byte %d)", at), err)
	}
	fmt.Printf("%d entries in %d levels of tiles, %d checkpoints consistent with size %d, "+
		"newest %d: verified; altered entry, tiles, roots and checkpoint: refused\n",
		tree.N, levels, consistent, tree.N, newestTree.N)
}
