// Package v1beta1 is the API extensions/v1beta1 as far as ThirdPartyResource goes: its Go types, their scheme and their OpenAPI
// description. The package holds types; storing and serving them is its parent's part.
package v1beta1
