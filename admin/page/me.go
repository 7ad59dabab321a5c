package page

import (
	"net/http"

	"github.com/vmapd/vmapd/admin/manage"
)

// mePage is the visitor's own account: what it is, where its mail goes, and
// its password.
type mePage struct {
	About    *about
	Forward  *form // nil: there is no mailbox
	Password *form // nil: the password is not ours
}

func (*mePage) template() string { return "me" }
func (*mePage) title() string    { return "My account" }

func (p *page) me(v *visit) error {
	b, err := p.mePage(v)
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, b)
}

func (p *page) mePage(v *visit) (*mePage, error) {
	b := &mePage{About: &about{}}
	err := v.read(func(t *manage.Tx) error {
		a, err := t.Account(v.caller.ID)
		if err != nil {
			return err
		}
		b.About.Facts = []fact{{"Login", a.Username}, {"Name", fullName(a)}, {"Role", roleWord(a.Role)}, {"Last login", whenever(a.LastLogin)}}
		if v.m.ChangesPassword(a) {
			b.Password = passwordForm()
		}
		if a.Mailbox == nil {
			return nil
		}
		m := a.Mailbox
		b.About.Facts = append(b.About.Facts, fact{"Mailbox", m.Address}, fact{"Stored", size(m.Used)}, fact{"Messages", number(m.Messages)}, fact{"Quota", quota(m.Quota)})
		b.About.addBar(barOf("Mailbox", m.Used, m.Quota))
		b.About.addSending(v.p, a.Username)
		f, err := t.Forward(v.caller.ID)
		if err == nil {
			b.Forward = forwardForm(f)
		}
		return err
	})
	return b, err
}

func passwordForm() *form {
	return &form{Action: "/me/password", Submit: "Change the password", Fields: []*field{
		secret("password", "Present password", "current-password", "").required(),
		secret("new_password", "New password", "new-password", "").required(),
		secret("again", "New password again", "new-password", "").required(),
	}}
}

func forwardForm(f *manage.Forward) *form {
	return &form{Action: "/me/forward", Submit: "Save the forward", Fields: []*field{
		area("recipients", "Forward to", f.Recipients, "One address a line; empty = nowhere."),
		check("keepcopies", "Keep a copy here", f.KeepCopies, ""),
	}}
}

// myPassword changes the visitor's password, and ends his other sessions.
func (p *page) myPassword(v *visit) error {
	b, err := p.mePage(v)
	if err != nil {
		return err
	}
	f := b.Password
	if f == nil {
		return errNoPage
	}
	f.fill(v.r.PostForm)
	typed := v.r.PostForm
	if typed.Get("new_password") != typed.Get("again") {
		f.field("again").Errors = []string{"This is not the same."}
		return v.show(http.StatusUnprocessableEntity, b)
	}
	// Guesses at the old password count as those of a sign-in.
	in := p.o.Login(v.r.Context(), v.caller.Name, typed.Get("password"), remote(v.r))
	if in.Name == "" {
		if in.Unsure {
			f.Errors = []string{"Nobody can say now whether the present password is right. Try again in a moment."}
			return v.show(http.StatusServiceUnavailable, b)
		}
		if !hold(v.r.Context(), in.Delay) {
			return nil
		}
		f.field("password").Errors = []string{"This is not the present password."}
		return v.show(http.StatusUnprocessableEntity, b)
	}
	if err := v.changePassword(typed.Get("password"), typed.Get("new_password")); err != nil {
		return v.again(b, f, err)
	}
	p.sessions.endOf(v.caller.ID, v.s)
	if err := v.stays(); err != nil {
		return err
	}
	return v.to("/me", "The password is changed.")
}

// changePassword changes the visitor's password where it is kept.
func (v *visit) changePassword(old, clear string) error {
	done, err := v.m.ChangeElsewhere(v.r.Context(), v.caller, v.caller.ID, manage.Some(old), clear)
	if err != nil {
		return err
	}
	return v.write(func(t *manage.Tx) error {
		if done {
			return t.PasswordChanged(v.caller.ID)
		}
		return t.ChangePassword(v.caller.ID, manage.Some(old), clear)
	})
}

func (p *page) myForward(v *visit) error {
	b, err := p.mePage(v)
	if err != nil {
		return err
	}
	f := b.Forward
	if f == nil {
		return errNoPage
	}
	f.fill(v.r.PostForm)
	to := manage.Forward{Recipients: f.lines("recipients").Value, KeepCopies: f.flag("keepcopies").Value}
	if err := v.write(func(t *manage.Tx) error { return t.SetForward(v.caller.ID, to) }); err != nil {
		return v.again(b, f, err)
	}
	return v.to("/me", "The forward is saved.")
}
