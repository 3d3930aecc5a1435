package config_test

import (
	"reflect"
	"testing"
	"time"

	"reconciler/internal/notify/endpoint"
	"reconciler/internal/secret"
)

func TestEndpointOptions_CarryKeysAndLimits(t *testing.T) {
	if o := parse(t, account).EndpointOptions(); !reflect.DeepEqual(o, endpoint.Options{}) {
		t.Errorf("without settings: %+v", o)
	}
	o := parse(t, `webhooks: {allow_http: true, disable_after: 36h, store: {keys: [{id: k2, value: {env: STORE_KEY}}, {id: k1, value: {env: STORE_KEY}}]}}
`+account+`endpoints: [{merchant: shop, id: orders, url: "http://shop.example", secrets: [{env: HOOK}]}]`).EndpointOptions()
	key := secret.New(environment()["STORE_KEY"])
	if want := []endpoint.Key{{ID: "k2", Value: key}, {ID: "k1", Value: key}}; !reflect.DeepEqual(o.Keys, want) {
		t.Errorf("keys %+v", o.Keys)
	}
	if !o.AllowHTTP || o.DisableAfter != 36*time.Hour || len(o.Configured) != 1 || o.Configured[0].ID != "orders" {
		t.Errorf("options %+v", o)
	}
}
