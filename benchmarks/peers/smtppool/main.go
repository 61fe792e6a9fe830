// The letter of the benchmark with listmonk's transport: its SMTP pool, and Go's templates for each recipient.
//
//	smtppool FOLDER HOST PORT COUNT CONNECTIONS
//
// FOLDER holds letter.go.html, letter.go.txt and people.csv.  As in listmonk, one goroutine renders, and as many as
// there are connections send; no ledger is kept.  It stops at the first error with code 1.
package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	html "html/template"
	"log"
	"net/textproto"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	text "text/template"
	"time"

	"github.com/knadh/smtppool/v2"
)

const site = "https://example.com/"

func must[Value any](value Value, err error) Value {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// link is the address of a page that proves whose it is.
func link(page string, id string) string {
	mac := hmac.New(sha256.New, []byte("a key of this benchmark and of nothing else"))
	mac.Write([]byte(page + "." + id))
	return site + page + "/" + id + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:18])
}

func main() {
	folder, host := os.Args[1], os.Args[2]
	port, count, connections := must(strconv.Atoi(os.Args[3])), must(strconv.Atoi(os.Args[4])), must(strconv.Atoi(os.Args[5]))
	page := must(html.ParseFiles(filepath.Join(folder, "letter.go.html")))
	words := must(text.ParseFiles(filepath.Join(folder, "letter.go.txt")))
	people := csv.NewReader(must(os.Open(filepath.Join(folder, "people.csv"))))
	must(people.Read())
	pool := must(smtppool.New(smtppool.Opt{
		Host: host, Port: port, MaxConns: connections, IdleTimeout: 15 * time.Second, PoolWaitTimeout: 30 * time.Second,
	}))

	messages := make(chan smtppool.Email, connections)
	var workers sync.WaitGroup
	for range connections {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for message := range messages {
				if err := pool.Send(message); err != nil {
					log.Fatal(err)
				}
			}
		}()
	}
	for range count {
		person := must(people.Read()) // id, email, first_name
		leave := link("unsubscribe", person[0])
		values := map[string]string{
			"first_name": person[2], "unsubscribe_url": leave,
			"preferences_url": link("preferences", person[0]), "web_url": site,
		}
		var asHTML, asText bytes.Buffer
		if err := page.Execute(&asHTML, values); err != nil {
			log.Fatal(err)
		}
		if err := words.Execute(&asText, values); err != nil {
			log.Fatal(err)
		}
		messages <- smtppool.Email{
			From: "Tidewater <letter@example.com>", To: []string{person[1]}, Subject: "The tide table",
			Sender: "letter@example.com", Text: asText.Bytes(), HTML: asHTML.Bytes(),
			Headers: textproto.MIMEHeader{
				"List-Unsubscribe":      {"<" + leave + ">"},
				"List-Unsubscribe-Post": {"List-Unsubscribe=One-Click"},
			},
		}
	}
	close(messages)
	workers.Wait()
	pool.Close()
}
