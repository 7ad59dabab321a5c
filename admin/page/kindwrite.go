package page

import (
	"fmt"
	"net/http"

	"github.com/vmapd/vmapd/admin/manage"
)

func (k *kind[T, I]) make(v *visit) error {
	b := k.newPage(v)
	return k.save(v, b, "made", func(t *manage.Tx, in I) (*T, string, error) { return k.create(t, in) })
}

func (k *kind[T, I]) change(v *visit) error {
	b, id, err := k.page(v)
	if err != nil {
		return err
	}
	return k.save(v, b, "saved", func(t *manage.Tx, in I) (*T, string, error) { return k.update(t, id, in) })
}

// save carries out a form, or shows it again with what is wrong.
func (k *kind[T, I]) save(v *visit, b *objectPage, done string, do func(*manage.Tx, I) (*T, string, error)) error {
	f := b.Form
	f.fill(v.r.PostForm)
	in := k.input(v.caller, f)
	if f.wrong() {
		return v.show(http.StatusUnprocessableEntity, b)
	}
	var o *T
	var hidden string
	var err error
	if k.prepare != nil {
		err = k.prepare(v.r.Context(), v.m, &in)
		if e, _ := asBlame(err); e != nil {
			err = nil // the action finds the same, and what else is wrong
		}
	}
	if err == nil {
		err = v.write(func(t *manage.Tx) (err error) {
			o, hidden, err = do(t, in)
			return err
		})
	}
	if err != nil {
		return v.again(b, f, err)
	}
	if k.changed != nil {
		k.changed(v, o, &in)
	}
	if hidden != "" {
		v.s.tell(note{Text: "The password of " + k.name(o) + ". It is shown this once:", Secret: hidden})
	}
	return v.to(k.at(o), "The %s %s is %s.", k.one, k.name(o), done)
}

func (k *kind[T, I]) deletePage(v *visit) (*deletePage, int64, error) {
	id, err := v.id()
	if err != nil {
		return nil, 0, err
	}
	var b *deletePage
	err = v.read(func(t *manage.Tx) error {
		o, err := k.get(t, id)
		if err == nil {
			b = &deletePage{Title: fmt.Sprintf("Delete %s?", k.name(o)), Name: k.name(o), One: k.one, Loss: k.loss(o), Action: k.at(o) + "/delete", Cancel: k.at(o), Files: k.files}
		}
		return err
	})
	return b, id, err
}

func (k *kind[T, I]) askDelete(v *visit) error {
	b, _, err := k.deletePage(v)
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, b)
}

func (k *kind[T, I]) delete(v *visit) error {
	b, id, err := k.deletePage(v)
	if err != nil {
		return err
	}
	err = v.write(func(t *manage.Tx) error { return k.remove(t, id, v.r.PostForm.Get("keep") != "") })
	if err != nil {
		status, f := v.fault(err)
		b.Errors = append(b.Errors, f.Text)
		return v.show(status, b)
	}
	return v.to(k.path, "The %s %s is deleted.", k.one, b.Name)
}

// again shows a form again after an error. What is not found then is something
// that the form names: its own object was there a moment ago.
func (v *visit) again(b body, f *form, err error) error {
	blamed := f.blame(err)
	status, told := v.fault(err)
	switch {
	case !blamed:
		f.Errors = append(f.Errors, told.Text)
	case status == http.StatusNotFound:
		status = http.StatusUnprocessableEntity
	}
	return v.show(status, b)
}
