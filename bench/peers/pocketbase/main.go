// PocketBase as its documentation embeds it, with one more command, which measures its hash alone.
package main

import (
	"errors"
	"fmt"
	"log"
	"strconv"
	"time"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"
	"golang.org/x/crypto/bcrypt"
)

func main() {
	app := pocketbase.New()
	app.RootCmd.AddCommand(&cobra.Command{
		Use:   "hashes PASSWORD SECONDS",
		Short: "Print how many passwords a second can be verified at the cost of the users collection",
		Args:  cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			return hashes(app, args[0], args[1])
		},
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}

func hashes(app core.App, password, seconds string) error {
	limit, err := strconv.ParseFloat(seconds, 64)
	if err != nil {
		return err
	}
	collection, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	field, ok := collection.Fields.GetByName(core.FieldNamePassword).(*core.PasswordField)
	if !ok {
		return errors.New("users have no password")
	}
	cost := field.Cost
	if cost == 0 {
		cost = bcrypt.DefaultCost
	}
	stored, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		return err
	}
	count, began := 0, time.Now()
	for time.Since(began).Seconds() < limit {
		if err := bcrypt.CompareHashAndPassword(stored, []byte(password)); err != nil {
			return err
		}
		count++
	}
	fmt.Println(float64(count) / time.Since(began).Seconds())
	return nil
}
