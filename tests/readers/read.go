// Reads messages with Go's net/mail, mime and mime/multipart, for tests/test_wire.py.
//
// In: for each message its length on a line, and its octets.  Out: a line for each, its fields in base64: names and
// addresses of From, To and Reply-To, the headers in `texts` decoded, those in `structured` as they are, text, HTML, picture;
// and how many headers there are.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"strconv"
	"strings"
)

var texts = []string{"Subject", "X-Note"}
var structured = []string{"Date", "Message-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-Id"}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// bodies puts the decoded leaves of a multipart into found, by media type.
func bodies(contentType string, body io.Reader, found map[string][]byte) {
	kind, parameters, err := mime.ParseMediaType(contentType)
	must(err)
	if !strings.HasPrefix(kind, "multipart/") {
		content, err := io.ReadAll(body)
		must(err)
		if _, again := found[kind]; again {
			panic("two parts are " + kind)
		}
		found[kind] = content
		return
	}
	parts := multipart.NewReader(body, parameters["boundary"])
	for {
		part, err := parts.NextPart() // which decodes quoted-printable
		if err == io.EOF {
			return
		}
		must(err)
		var content io.Reader = part
		if part.Header.Get("Content-Transfer-Encoding") == "base64" {
			content = base64.NewDecoder(base64.StdEncoding, part)
		}
		bodies(part.Header.Get("Content-Type"), content, found)
	}
}

func read(octets []byte) []string {
	message, err := mail.ReadMessage(bytes.NewReader(octets))
	must(err)
	fields := []string{}
	for _, name := range []string{"From", "To", "Reply-To"} {
		address, err := mail.ParseAddress(message.Header.Get(name))
		must(err)
		fields = append(fields, address.Name, address.Address)
	}
	for _, name := range texts {
		text, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get(name))
		must(err)
		fields = append(fields, text)
	}
	for _, name := range structured {
		fields = append(fields, message.Header.Get(name))
	}
	_, err = message.Header.Date()
	must(err)
	found := map[string][]byte{}
	bodies(message.Header.Get("Content-Type"), message.Body, found)
	for _, kind := range []string{"text/plain", "text/html", "image/png"} {
		fields = append(fields, string(found[kind]))
	}
	count := 0
	for _, values := range message.Header {
		count += len(values)
	}
	return append(fields, strconv.Itoa(count))
}

func main() {
	in := bufio.NewReader(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for {
		line, err := in.ReadString('\n')
		if err == io.EOF {
			return
		}
		length, err := strconv.Atoi(strings.TrimSpace(line))
		must(err)
		octets := make([]byte, length)
		_, err = io.ReadFull(in, octets)
		must(err)
		fields := read(octets)
		for place, field := range fields {
			fields[place] = base64.StdEncoding.EncodeToString([]byte(field))
		}
		fmt.Fprintln(out, strings.Join(fields, " "))
	}
}
